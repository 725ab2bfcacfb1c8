import { constants, type ServerHttp2Stream } from 'node:http2'
import { type ActiveStorageError, failure, toFailure } from '../../core/errors.ts'
import type { Hold, Holder } from '../holds.ts'
import { Framing, type MessageLimits } from './framing.ts'

/** Progress by so many bytes counts: what comes in drops does not. */
const GOOD_BYTES = 16 * 1024
/** Memory that a piece of an incomplete message takes beside its bytes. */
const PIECE_BYTES = 512

/** How long the other end of a stream may take, in sweeps, which are a second apart while the event loop runs. */
export interface Pace {
  /** Within so many sweeps `leastBytes` have to come, or to be taken. */
  readonly sweeps: number
  readonly leastBytes: number
  /** So many sweeps without a whole chunk taken end a result, however busy its connection is. */
  readonly chunkSweeps: number
}
export const defaultPace: Pace = { sweeps: 30, leastBytes: 32 * 1024, chunkSweeps: 300 }

/** Sweeps after which a stream that is over is closed, where its caller does not. */
const LINGER_SWEEPS = 5

/** The call on a stream. */
export interface Owner {
  /** Ends the call with an error. */
  fail(error: ActiveStorageError): void
}

/** What the other end is waited for. */
type Waits = 'arguments' | 'nothing' | 'result' | 'close'

/**
 * One HTTP/2 stream as its bytes come in, below gRPC: gRPC keeps what has come of a message until it is whole, and says
 * so to nobody. Every byte is held by the call from when it comes, and the pace of the other end is watched.
 */
export class Intake implements Holder {
  readonly hold: Hold
  /** The caller has said that nothing more comes: when all is sent the stream closes by itself. */
  ended = false
  readonly #stream: ServerHttp2Stream
  readonly #framing: Framing
  readonly #pace: Pace
  readonly #push: ServerHttp2Stream['push']
  readonly #other: boolean
  #owner: Owner | undefined
  #waitsFor: Waits = 'arguments'
  #failed = false
  /** What is charged for pieces of the incomplete message. */
  #pieces = 0
  /** Bytes that came, or were taken. */
  #moved = 0
  #movedAtSweep = 0
  #sentAtSweep = 0
  #sweeps = 0
  #chunkSweeps = 0
  #good = performance.now()
  #movedWhenGood = 0

  /** @param other it belongs to a service that has no call of ours */
  constructor(stream: ServerHttp2Stream, hold: (holder: Holder) => Hold, limits: MessageLimits, pace: Pace, other = false) {
    this.#stream = stream
    this.#framing = new Framing(limits)
    this.#pace = pace
    this.#other = other
    this.hold = hold(this)
    // Node calls it for every piece that comes, also while nobody reads the stream.
    this.#push = stream.push
    stream.push = (piece: unknown) => this.#take(piece)
  }

  own(owner: Owner): void {
    this.#owner = owner
  }

  /** The arguments are whole, or the result is taken: the node is at work, however long it takes. */
  working(): void {
    if (this.#waitsFor !== 'close') this.#expect('nothing')
  }

  /** The caller has a result to take. */
  delivering(): void {
    if (this.#waitsFor !== 'close') this.#expect('result')
  }

  /** The caller has taken so much of the result. */
  taken(bytes: number): void {
    this.#chunkSweeps = 0
    this.#note(bytes)
  }

  /**
   * The call has ended, and all of it has been sent.
   * @param bare it was nothing but a status
   */
  over(bare = false): void {
    this.hold.end()
    if (this.#waitsFor === 'close') return
    this.#expect('close')
    // A caller that still sends, or holds its side open, is not waited for. Trailers are sent by themselves a little later,
    // which nothing tells of.
    if (bare) this.#stream.close(constants.NGHTTP2_NO_ERROR)
  }

  /** Whether the other end has to do something. */
  get waits(): boolean {
    return this.#waitsFor !== 'nothing' && !this.#failed
  }

  idleMs(): number {
    return this.#waitsFor === 'nothing' ? 0 : performance.now() - this.#good
  }

  evict(error: ActiveStorageError): void {
    if (this.#waitsFor === 'arguments') this.fail(error)
    else this.#cut()
  }

  /** Ends the call with an error. */
  fail(error: ActiveStorageError): void {
    if (this.#failed || this.#waitsFor === 'close') return
    this.#failed = true
    if (this.#owner === undefined) return this.#cut()
    this.hold.end()
    this.#owner.fail(error)
  }

  /** Looks whether the other end gets on. */
  sweep(): void {
    if (this.#waitsFor === 'nothing') return
    this.#sweeps++
    if (this.#waitsFor === 'close') {
      if (this.#sweeps >= LINGER_SWEEPS) this.#stream.close(constants.NGHTTP2_NO_ERROR)
      return
    }
    if (this.#waitsFor === 'result' && ++this.#chunkSweeps >= this.#pace.chunkSweeps) return this.#cut()
    if (this.#sweeps < this.#pace.sweeps) return
    const { leastBytes, sweeps } = this.#pace
    const came = this.#moved - this.#movedAtSweep
    if (this.#waitsFor === 'arguments') {
      if (came < leastBytes)
        return this.fail(
          failure('deadline-exceeded', `the arguments came too slowly: ${came} bytes in ${sweeps} s; the least is ${leastBytes}`),
        )
      // What is taken of a chunk is known when all of it is: until then the connection tells whether its other end reads at all.
    } else if (came < leastBytes && this.#sent() - this.#sentAtSweep < leastBytes) return this.#cut()
    this.#mark()
  }

  #expect(waits: Waits): void {
    this.#waitsFor = waits
    this.#chunkSweeps = 0
    this.#good = performance.now()
    this.#movedWhenGood = this.#moved
    this.#mark()
  }

  #mark(): void {
    this.#sweeps = 0
    this.#movedAtSweep = this.#moved
    this.#sentAtSweep = this.#waitsFor === 'result' ? this.#sent() : 0
  }

  /** Bytes that the connection has sent. */
  #sent(): number {
    return this.#stream.session?.socket?.bytesWritten ?? 0
  }

  #note(bytes: number): void {
    this.#moved += bytes
    if (this.#moved - this.#movedWhenGood < GOOD_BYTES) return
    this.#movedWhenGood = this.#moved
    this.#good = performance.now()
  }

  /** Nothing can be said to an end that does not read. */
  #cut(): void {
    this.over()
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #take(piece: unknown): boolean {
    if (piece === null || !(piece instanceof Buffer)) {
      this.ended = true
      return this.#push.call(this.#stream, piece)
    }
    // Nobody reads it any more.
    if (this.#failed || this.#waitsFor === 'close') return true
    try {
      return this.#push.call(this.#stream, this.#counted(piece))
    } catch (error) {
      this.fail(toFailure(error))
      return true
    }
  }

  #counted(piece: Buffer): Buffer {
    const framing = this.#framing
    const { messages } = framing
    framing.read(piece)
    if (framing.messages > messages && this.#pieces > 0) {
      this.hold.giveBack(this.#pieces)
      this.#pieces = 0
    }
    this.#note(piece.byteLength)
    if (!framing.partial) {
      this.hold.take(piece.byteLength)
      if (this.#other) this.working()
      return piece
    }
    this.hold.take(piece.byteLength + PIECE_BYTES)
    this.#pieces += PIECE_BYTES
    // A small piece would keep all that came with it in one read of the connection.
    return piece.byteLength * 8 < piece.buffer.byteLength ? copyOf(piece) : piece
  }
}

const copyOf = (piece: Buffer): Buffer => {
  // Not one that shares its memory with others.
  const copy = Buffer.allocUnsafeSlow(piece.byteLength)
  copy.set(piece)
  return copy
}
