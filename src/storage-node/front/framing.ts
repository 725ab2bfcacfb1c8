import { failure } from '../../core/errors.ts'

/** Bytes that gRPC puts before each message: a flag for compression, and the length. */
const HEAD = 5

/** The largest messages that a stream may send. */
export interface MessageLimits {
  readonly first: number
  readonly later: number
}

/** Follows the boundaries of gRPC messages in the bytes of one stream, without keeping any of them. */
export class Framing {
  readonly #limits: MessageLimits
  /** Bytes of the present message's head that have come. */
  #head = 0
  #length = 0
  /** Bytes that its body still lacks. */
  #missing = 0
  /** Messages that are whole. */
  messages = 0

  constructor(limits: MessageLimits) {
    this.#limits = limits
  }

  /** Whether a message has begun and is not whole. */
  get partial(): boolean {
    return this.#head > 0
  }

  /** @throws ActiveStorageError `too-large`, `unsupported`: as soon as a head says so, before the body has come */
  read(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.byteLength) {
      if (this.#head < HEAD) {
        this.#readHead(bytes[at++] ?? 0)
        continue
      }
      const count = Math.min(this.#missing, bytes.byteLength - at)
      this.#missing -= count
      at += count
      this.#endIfWhole()
    }
  }

  #readHead(byte: number): void {
    if (this.#head === 0 && byte !== 0)
      throw failure('unsupported', 'compressed messages are not taken: turn the compression of the gRPC channel off')
    if (this.#head > 0) this.#length = this.#length * 256 + byte
    if (++this.#head < HEAD) return
    const most = this.messages === 0 ? this.#limits.first : this.#limits.later
    if (this.#length > most)
      throw failure('too-large', `a message of ${this.#length} bytes; the most is ${most}: send long arguments as chunks, see docs/wire.md`)
    this.#missing = this.#length
    this.#endIfWhole()
  }

  #endIfWhole(): void {
    if (this.#missing > 0) return
    this.messages++
    this.#head = 0
    this.#length = 0
  }
}
