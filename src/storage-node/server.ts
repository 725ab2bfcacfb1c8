import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js'
import { monotonicNow } from '../core/clock.ts'
import { type ActiveStorageError, failure, toFailure } from '../core/errors.ts'
import { objectId, typeName } from '../core/ids.ts'
import type { Call, CallReport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { statusOf } from '../wire/failure.ts'
import type { ReceivedFrame } from '../wire/frame-codec.ts'
import { Incoming, type Outgoing, outgoingInSlices } from '../wire/frames.ts'
import type { CallStart } from '../wire/gen/active_storage/v1/CallStart.ts'
import type { ClientFrame } from '../wire/gen/active_storage/v1/ClientFrame.ts'
import type { ServerFrameIn } from '../wire/gen/active_storage/v1/ServerFrame.ts'
import type { StorageNodeHandlers } from '../wire/gen/active_storage/v1/StorageNode.ts'
import type { Intake } from './front/intake.ts'
import { begun, type Host } from './host.ts'
import { ServedContext, trailersOf } from './served-context.ts'
import { createResultSizes, type ResultSizes } from './result-sizes.ts'

type Stream = ServerDuplexStream<ClientFrame, ServerFrameIn>

/** One call on its stream: gathers its arguments, has the host run it, and ends it with a status, whatever happens. */
class ServedCall {
  readonly #stream: Stream
  readonly #host: Host
  #start: CallStart | undefined
  /** When its first message came: the time that its arguments take to arrive is part of the time that it may take. */
  #began = 0
  #incoming: Incoming | undefined
  /** Holds what has come of the arguments, then the result. */
  readonly #intake: Intake
  #report: CallReport | undefined
  #controller: AbortController | undefined
  /** The caller no longer waits. */
  #gone = false
  #over = false
  /** The arguments have come. */
  #whole = false
  /** Something of a result has been sent. */
  #sent = false
  /** Values on their way to the caller. */
  #unsent = 0

  readonly #failed: Failed

  readonly #results: ResultSizes

  constructor(stream: Stream, host: Host, intake: Intake, results: ResultSizes, failed: Failed) {
    this.#stream = stream
    this.#host = host
    this.#failed = failed
    this.#intake = intake
    this.#results = results
    intake.own(this)
  }

  readonly onReport = (made: CallReport): void => {
    this.#report = made
  }

  get began(): number {
    return this.#began
  }

  get gone(): boolean {
    return this.#gone
  }

  /** Made only when someone asks: most calls are over before. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#gone && !this.#controller.signal.aborted) this.#controller.abort(givenUp())
    return this.#controller.signal
  }

  take(frame: ReceivedFrame): void {
    if (this.#over) return
    try {
      if (frame.unreadable) throw frame.unreadable
      if (frame.start) this.#incoming = this.#begin(frame.start)
      else if (frame.chunk && this.#incoming !== undefined) this.#incoming.push(frame.chunk)
      else throw failure('malformed-message', 'a frame that belongs to nothing')
      if (this.#incoming.complete) void this.#run()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends the call with an error, also while its method runs: nobody waits for that any more. */
  fail(error: unknown): void {
    this.#giveUp()
    this.#fail(error)
  }

  end(): void {
    if (!this.#whole) this.#fail(failure('malformed-message', 'the call ended before its arguments were whole'))
  }

  leave(): void {
    // It comes at the end of every call, also of those that went well.
    if (this.#over) return
    this.#giveUp()
    // Before the method runs nobody else would end it; afterwards its end does.
    if (!this.#whole) this.#fail(givenUp())
  }

  #giveUp(): void {
    this.#gone = true
    this.#controller?.abort(givenUp())
  }

  #begin(start: CallStart): Incoming {
    if (this.#start !== undefined) throw failure('malformed-message', 'a call that starts twice')
    if (!start.arguments) throw failure('malformed-message', 'a call without arguments')
    if (start.chain.length > MAX_CHAIN || start.idempotencyKey.length > MAX_KEY || start.traceParent.length > MAX_TRACE)
      throw failure('malformed-message', 'a call chain, idempotency key or trace context beyond its bounds')
    this.#start = start
    this.#began = monotonicNow()
    const incoming = new Incoming(start.arguments)
    // They are in `incoming` now, and are to be gone when the method has run.
    start.arguments = null
    const { admission } = this.#host
    admission.check(incoming.bytes)
    // Before all the rest of them comes: it would be refused afterwards.
    if (!incoming.complete) admission.checkPlace()
    return incoming
  }

  async #run(): Promise<void> {
    this.#whole = true
    this.#intake.working()
    try {
      const made = this.#madeCall()
      await this.#runAndSend(made instanceof Promise ? await made : made)
      this.#finish()
    } catch (error) {
      this.#fail(toFailure(error))
    }
  }

  /** Nothing but this call keeps its arguments afterwards. */
  #madeCall(): Call | Promise<Call> {
    const [start, incoming] = [this.#start, this.#incoming]
    if (start === undefined || incoming === undefined) throw failure('internal', 'a call that has not begun')
    this.#incoming = undefined
    const decoded = incoming.valueInSlices((bytes) => {
      // It is decoded in slices, and may be given up between two of them.
      if (this.#over) throw givenUp()
      this.#intake.hold.take(bytes)
    })
    return decoded instanceof Promise ? decoded.then((args) => this.#callOf(start, args)) : this.#callOf(start, decoded)
  }
  #callOf(start: CallStart, args: Value): Call {
    if (!Array.isArray(args)) throw failure('malformed-message', 'the arguments are not a list')
    const { type, object, method } = start
    const { kind } = this.#host.entryOf(type, method)
    return { type: typeName(type), object: objectId(object), method, kind, args, context: new ServedContext(start, this) }
  }

  async #runAndSend(call: Call): Promise<void> {
    const { hold } = this.#intake
    if (this.#host.entryOf(call.type, call.method).stream) {
      for await (const item of this.#host.stream(call)) {
        const encoded = outgoingInSlices(item)
        const value = encoded instanceof Promise ? await encoded : encoded
        hold.takeResult(value.bytes)
        await this.#send(value)
        if (this.#stream.writableNeedDrain) await this.#drained()
      }
      return
    }
    const { kind } = call
    // What it will make is not known before it is made: what calls of the method with as many arguments have made is.
    const results = this.#results
    const size = hold.bytes
    if (!results.empty) {
      const expected = results.expected(call, size)
      if (expected > 0) hold.takeResult(expected)
    }
    const encoded = outgoingInSlices(await this.#host.call(call))
    const value = encoded instanceof Promise ? await encoded : encoded
    results.made(call, size, value.bytes)
    try {
      hold.exchange(value.bytes)
    } catch (error) {
      throw begun({ kind }, toFailure(error))
    }
    await this.#send(value)
  }

  /** Sends one value, no faster than the client takes it. It is held until the last of it is taken. */
  async #send({ head, chunks, bytes, headBytes }: Outgoing): Promise<void> {
    this.#intake.delivering()
    this.#sent = true
    this.#unsent++
    let left = bytes
    const write = (frame: ServerFrameIn, count: number): boolean =>
      this.#stream.write(frame, () => {
        this.#intake.taken(count)
        left -= count
        if (left > 0) return
        this.#intake.hold.giveBack(bytes)
        if (--this.#unsent === 0) this.#intake.working()
      })
    let ready = write({ value: head }, headBytes)
    for (const chunk of chunks) {
      if (!ready) await this.#drained()
      if (this.#gone) return
      ready = write({ chunk }, chunk.byteLength)
    }
  }

  #drained(): Promise<void> {
    const stream = this.#stream
    return new Promise((resolve) => {
      if (this.#gone) return resolve()
      const done = () => {
        stream.off('drain', done)
        stream.off('cancelled', done)
        resolve()
      }
      stream.on('drain', done)
      stream.on('cancelled', done)
    })
  }

  /** Gives back what the call held; undefined where it is over already. */
  #trailers(): Metadata | undefined {
    if (this.#over) return undefined
    this.#over = true
    if (!this.#intake.ended || !this.#sent) this.#stream.once('finish', () => this.#intake.over(!this.#sent))
    return trailersOf(this.#host.description.name, this.#report, this.#host.admission.inFlight)
  }
  #finish(): void {
    const metadata = this.#trailers()
    if (metadata !== undefined) this.#stream.end(metadata)
  }
  #fail(error: unknown): void {
    const metadata = this.#trailers()
    if (metadata === undefined) return
    const start = this.#start
    this.#failed(toFailure(error), start === undefined ? 'a call' : `${start.type}/${start.object}`, start?.method ?? 'start')
    this.#stream.emit('error', { name: 'failure', message: '', ...statusOf(error, metadata, this.#host.stacks) })
  }
}

/** Told of each call that ends with an error. */
type Failed = (error: ActiveStorageError, object: string, method: string) => void

/**
 * The gRPC service over a host.
 * @param current the stream that is handled now
 * Whatever arrives, a call ends with a status and the node goes on.
 */
export const serviceOf = (host: Host, current: () => Intake | undefined, failed: Failed = () => undefined): StorageNodeHandlers => {
  const results = createResultSizes()
  return {
    Call: (stream) => {
      const intake = current()
      if (intake === undefined) throw failure('internal', 'a stream that has not passed the front of the node')
      const served = new ServedCall(stream, host, intake, results, failed)
      stream.on('data', (frame: ReceivedFrame) => served.take(frame))
      stream.on('end', () => served.end())
      stream.on('cancelled', () => served.leave())
    },
  }
}

const MAX_CHAIN = 256
const MAX_KEY = 256
const MAX_TRACE = 256
const givenUp = () => failure('cancelled', 'the caller gave the call up')
