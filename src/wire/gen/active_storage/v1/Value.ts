// Original file: proto/active_storage/v1/active_storage.proto

import type { SegmentIn as _active_storage_v1_SegmentIn, Segment as _active_storage_v1_Segment } from '../../active_storage/v1/Segment.ts';

/**
 * Plain data with tensors and long byte strings beside it.
 */
export interface ValueIn {
  /**
   * MessagePack: nil, booleans, numbers, UTF-8 strings, byte strings, arrays, maps with string keys, timestamps, and
   * the extension types of docs/wire.md. An extension that stands for a segment holds its index.
   */
  'body'?: (Buffer | Uint8Array | string);
  /**
   * What the segments are, in order.
   */
  'segments'?: (_active_storage_v1_SegmentIn)[];
  /**
   * The bytes of all segments one after the other. Empty where there are none, or where they follow as chunks.
   */
  'inline'?: (Buffer | Uint8Array | string);
}

/**
 * Plain data with tensors and long byte strings beside it.
 */
export interface Value {
  /**
   * MessagePack: nil, booleans, numbers, UTF-8 strings, byte strings, arrays, maps with string keys, timestamps, and
   * the extension types of docs/wire.md. An extension that stands for a segment holds its index.
   */
  'body': (Buffer);
  /**
   * What the segments are, in order.
   */
  'segments': (_active_storage_v1_Segment)[];
  /**
   * The bytes of all segments one after the other. Empty where there are none, or where they follow as chunks.
   */
  'inline': (Buffer);
}
