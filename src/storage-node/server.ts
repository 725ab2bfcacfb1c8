import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js'
import { type ActiveStorageError, failure, toFailure } from '../core/errors.ts'
import { type CallId, callId, objectId, type SiteName, typeName } from '../core/ids.ts'
import type { Call, CallContext, CallReport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { statusOf } from '../wire/failure.ts'
import type { ReceivedFrame } from '../wire/frame-codec.ts'
import { Incoming, outgoingInSlices } from '../wire/frames.ts'
import type { CallStart } from '../wire/gen/active_storage/v1/CallStart.ts'
import type { ClientFrame } from '../wire/gen/active_storage/v1/ClientFrame.ts'
import type { ServerFrameIn } from '../wire/gen/active_storage/v1/ServerFrame.ts'
import type { StorageNodeHandlers } from '../wire/gen/active_storage/v1/StorageNode.ts'
import { encodeLoad } from '../wire/load-report.ts'
import { protocol, trailers } from '../wire/protocol.ts'
import type { Hold } from './admission.ts'
import type { Host } from './host.ts'

type Stream = ServerDuplexStream<ClientFrame, ServerFrameIn>

const trailersOf = (site: SiteName, report: CallReport | undefined, inFlight: number): Metadata => {
  const metadata = new Metadata()
  metadata.set(trailers.load, encodeLoad({ inFlight, queueMs: report?.load?.queueMs ?? 0, serviceMs: report?.load?.serviceMs ?? 0 }))
  if (report !== undefined && (report.stages.length > 0 || report.bytesFetched > 0)) {
    metadata.set(
      trailers.accounting,
      protocol.Accounting.serialize({
        site,
        bytesFetched: report.bytesFetched,
        fetchMs: report.fetchMs,
        stages: report.stages.map(({ key, ms, units }) => ({ key, ms, units })),
      }),
    )
  }
  return metadata
}

/** What a served call hands to the host. A class, since it is made for every call and its signal for few. */
class ServedContext implements CallContext {
  readonly callId: CallId
  readonly chain: readonly string[]
  readonly idempotencyKey?: string
  readonly budgetMs?: number
  readonly expectedVersion?: number
  readonly fencingToken?: number
  readonly durability?: 'async'
  readonly traceParent?: string
  readonly #served: ServedCall

  constructor(start: CallStart, served: ServedCall) {
    this.#served = served
    this.callId = callId(start.callId)
    this.chain = start.chain
    if (start.idempotencyKey !== '') this.idempotencyKey = start.idempotencyKey
    if (start.budgetMs !== undefined) this.budgetMs = start.budgetMs
    if (start.expectedVersion !== undefined) this.expectedVersion = start.expectedVersion
    if (start.fencingToken !== undefined) this.fencingToken = start.fencingToken
    if (start.asyncDurability) this.durability = 'async'
    if (start.traceParent !== '') this.traceParent = start.traceParent
  }
  get signal(): AbortSignal {
    return this.#served.signal
  }
  get aborted(): boolean {
    return this.#served.gone
  }
  get onReport() {
    return this.#served.onReport
  }
}

/** One call on its stream: gathers its arguments, has the host run it, and ends it with a status, whatever happens. */
class ServedCall {
  readonly #stream: Stream
  readonly #host: Host
  #start: CallStart | undefined
  #incoming: Incoming | undefined
  /** Arguments as they arrive: what is only announced takes no room from others. */
  readonly #hold: Hold
  #report: CallReport | undefined
  #controller: AbortController | undefined
  /** The caller no longer waits. */
  #gone = false
  #over = false

  readonly #failed: Failed

  constructor(stream: Stream, host: Host, failed: Failed) {
    this.#stream = stream
    this.#host = host
    this.#failed = failed
    this.#hold = host.admission.hold()
  }

  readonly onReport = (made: CallReport): void => {
    this.#report = made
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
      else if (frame.chunk && this.#incoming !== undefined && !this.#incoming.complete) {
        this.#hold.take(frame.chunk.byteLength)
        this.#incoming.push(frame.chunk)
      } else throw failure('malformed-message', 'a frame that belongs to nothing')
      if (this.#incoming.complete && this.#start !== undefined) void this.#run(this.#start, this.#incoming)
    } catch (error) {
      // The method may be running already: nobody waits for it any more.
      this.#giveUp()
      this.#fail(error)
    }
  }

  end(): void {
    if (this.#incoming?.complete !== true) this.#fail(failure('malformed-message', 'the call ended before its arguments were whole'))
  }

  leave(): void {
    // It comes at the end of every call, also of those that went well.
    if (this.#over) return
    this.#giveUp()
    // Before the method runs nobody else would end it; afterwards its end does.
    if (this.#incoming?.complete !== true) this.#fail(givenUp())
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
    this.#hold.take(start.arguments.body.byteLength + start.arguments.inline.byteLength)
    return new Incoming(start.arguments)
  }

  async #run(start: CallStart, incoming: Incoming): Promise<void> {
    try {
      const decoded = incoming.valueInSlices()
      const args = decoded instanceof Promise ? await decoded : decoded
      if (!Array.isArray(args)) throw failure('malformed-message', 'the arguments are not a list')
      const { type, object, method } = start
      const entry = this.#host.entryOf(type, method)
      const context = new ServedContext(start, this)
      const call: Call = { type: typeName(type), object: objectId(object), method, kind: entry.kind, args, context }
      if (entry.stream) {
        for await (const item of this.#host.stream(call)) {
          await this.#send(item)
          if (this.#stream.writableNeedDrain) await this.#drained()
        }
      } else await this.#send(await this.#host.call(call))
      this.#finish()
    } catch (error) {
      this.#fail(toFailure(error))
    }
  }

  /** Sends one value, no faster than the client takes it. */
  async #send(value: Value): Promise<void> {
    const encoded = outgoingInSlices(value)
    const { head, chunks } = encoded instanceof Promise ? await encoded : encoded
    let ready = this.#stream.write({ value: head })
    for (const chunk of chunks) {
      if (!ready) await this.#drained()
      if (this.#gone) return
      ready = this.#stream.write({ chunk })
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
    this.#hold.release()
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

/** The gRPC service over a host. Whatever arrives, a call ends with a status and the node goes on. */
export const serviceOf = (host: Host, failed: Failed = () => undefined): StorageNodeHandlers => ({
  Call: (stream) => {
    const served = new ServedCall(stream, host, failed)
    stream.on('data', (frame: ReceivedFrame) => served.take(frame))
    stream.on('end', () => served.end())
    stream.on('cancelled', () => served.leave())
  },
})

const MAX_CHAIN = 256
const MAX_KEY = 256
const MAX_TRACE = 256
const givenUp = () => failure('cancelled', 'the caller gave the call up')
