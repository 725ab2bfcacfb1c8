import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js'
import { failure, toFailure } from '../core/errors.ts'
import { callId, objectId, type SiteName, typeName } from '../core/ids.ts'
import type { Call, CallReport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { statusOf } from '../wire/failure.ts'
import { Incoming, outgoing } from '../wire/frames.ts'
import type { CallStart } from '../wire/gen/active_storage/v1/CallStart.ts'
import type { ClientFrame } from '../wire/gen/active_storage/v1/ClientFrame.ts'
import type { ServerFrameIn } from '../wire/gen/active_storage/v1/ServerFrame.ts'
import type { StorageNodeHandlers } from '../wire/gen/active_storage/v1/StorageNode.ts'
import { encodeLoad } from '../wire/load-report.ts'
import { protocol, trailers } from '../wire/protocol.ts'
import type { Host } from './host.ts'

type Stream = ServerDuplexStream<ClientFrame, ServerFrameIn>

/** Sends one value, no faster than the client takes it. */
const send = async (stream: Stream, value: Value, caller: Caller): Promise<void> => {
  const { head, chunks } = outgoing(value)
  let ready = stream.write({ value: head })
  for (const chunk of chunks) {
    if (!ready) await drained(stream, caller)
    if (caller.gone) return
    ready = stream.write({ chunk })
  }
}

const drained = (stream: Stream, caller: Caller): Promise<void> =>
  new Promise((resolve) => {
    if (caller.gone) return resolve()
    const done = () => {
      stream.off('drain', done)
      stream.off('cancelled', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('cancelled', done)
  })

/** Whether the caller still waits. Most calls are over before anyone asks, so the signal is made only when someone does. */
class Caller {
  gone = false
  #controller: AbortController | undefined

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.gone && !this.#controller.signal.aborted) this.#controller.abort(failure('cancelled', 'the caller gave the call up'))
    return this.#controller.signal
  }
  leave(): void {
    this.gone = true
    this.#controller?.abort(failure('cancelled', 'the caller gave the call up'))
  }
}

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

/** The gRPC service over a host. Whatever arrives, a call ends with a status and the node goes on. */
export const serviceOf = (host: Host): StorageNodeHandlers => ({
  Call: (stream) => {
    const caller = new Caller()
    let incoming: Incoming | undefined
    let start: CallStart | undefined
    let release = () => undefined as void
    let report: CallReport | undefined
    let over = false

    const finish = (thrown?: { error: unknown }) => {
      if (over) return
      over = true
      release()
      const metadata = trailersOf(host.description.name, report, host.admission.inFlight)
      if (thrown === undefined) stream.end(metadata)
      else stream.emit('error', { name: 'failure', message: '', ...statusOf(thrown.error, metadata) })
    }

    const run = async (from: CallStart, args: Incoming) => {
      try {
        const values = args.value()
        if (!Array.isArray(values)) throw failure('malformed-message', 'the arguments are not a list')
        const entry = host.entryOf(from.type, from.method)
        const call: Call = {
          type: typeName(from.type),
          object: objectId(from.object),
          method: from.method,
          kind: entry.kind,
          args: values,
          context: {
            callId: callId(from.callId),
            chain: from.chain,
            get signal() {
              return caller.signal
            },
            onReport: (made) => (report = made),
            ...(from.idempotencyKey !== '' && { idempotencyKey: from.idempotencyKey }),
            ...(from.budgetMs !== undefined && { budgetMs: from.budgetMs }),
            ...(from.expectedVersion !== undefined && { expectedVersion: Number(from.expectedVersion) }),
            ...(from.fencingToken !== undefined && { fencingToken: Number(from.fencingToken) }),
          },
        }
        if (entry.stream) {
          for await (const item of host.stream(call)) {
            await send(stream, item, caller)
            if (stream.writableNeedDrain) await drained(stream, caller)
          }
        } else await send(stream, await host.call(call), caller)
        finish()
      } catch (error) {
        finish({ error: toFailure(error) })
      }
    }

    stream.on('data', (frame: ClientFrame) => {
      if (over) return
      try {
        if (frame.start) {
          if (start !== undefined) throw failure('malformed-message', 'a call that starts twice')
          start = frame.start
          if (!frame.start.arguments) throw failure('malformed-message', 'a call without arguments')
          if (start.chain.length > MAX_CHAIN || start.idempotencyKey.length > MAX_KEY)
            throw failure('malformed-message', 'a call chain or idempotency key beyond its bounds')
          incoming = new Incoming(frame.start.arguments, (bytes) => (release = host.admission.reserve(bytes)))
        } else if (frame.chunk && incoming !== undefined && !incoming.complete) incoming.push(frame.chunk)
        else throw failure('malformed-message', 'a frame that belongs to nothing')
        if (incoming.complete) void run(start ?? fail(), incoming)
      } catch (error) {
        finish({ error })
      }
    })
    stream.on('end', () => {
      if (incoming?.complete !== true) finish({ error: failure('malformed-message', 'the call ended before its arguments were whole') })
    })
    stream.on('cancelled', () => {
      // It comes at the end of every call, also of those that went well.
      if (over) return
      caller.leave()
      // Before the method runs nobody else would; afterwards its end does.
      if (incoming?.complete !== true) finish({ error: failure('cancelled', 'the caller gave the call up') })
    })
  },
})

const MAX_CHAIN = 256
const MAX_KEY = 256
const fail = (): never => {
  throw failure('malformed-message', 'arguments before the call starts')
}
