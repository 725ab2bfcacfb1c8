/** Bounds on what a message may hold. Both ends use the same, so that what one sends the other takes. */
export const limits = {
  /** Segments of a value up to this many bytes travel inside its message; larger ones as chunks after it. */
  inlineBytes: 256 * 1024,
  /** A chunk's size: large enough that framing costs nothing, small enough that other calls get their turn. */
  chunkBytes: 1024 * 1024,
  /**
   * Largest message of a call but its first: more than any chunk. The first holds the body, and with some clients segments;
   * larger messages gRPC itself refuses.
   */
  messageBytes: 2 * 1024 * 1024,
  startBytes: 16 * 1024 * 1024,
  /** Byte strings longer than this leave the MessagePack body and become segments, so that they are not copied into it. */
  bytesInBody: 1024,
  /** Largest MessagePack body. */
  bodyBytes: 8 * 1024 * 1024,
  /** Lists and maps of a body: each takes far more memory than the byte that it may be. */
  containers: 1_000_000,
  /** Nesting of lists and maps. */
  depth: 64,
  segments: 65_536,
  /** Sides of a segment's shape. */
  sides: 32,
  /** Largest sum of segments in one value: what a process can hold in one piece. */
  valueBytes: 4 * 1024 * 1024 * 1024,
} as const
