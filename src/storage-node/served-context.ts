import { Metadata } from '@grpc/grpc-js'
import { type CallId, callId, type SiteName } from '../core/ids.ts'
import type { CallContext, CallReport } from '../core/transport.ts'
import type { CallStart } from '../wire/gen/active_storage/v1/CallStart.ts'
import { encodeLoad } from '../wire/load-report.ts'
import { protocol, trailers } from '../wire/protocol.ts'

/** What a call ends with, whatever it ends with. */
export const trailersOf = (site: SiteName, report: CallReport | undefined, inFlight: number): Metadata => {
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

/** The call that it is the context of. */
export interface Served {
  /** When its first message came, by the monotonic clock. */
  readonly began: number
  readonly signal: AbortSignal
  /** The caller no longer waits. */
  readonly gone: boolean
  readonly onReport: (report: CallReport) => void
}

/** What a served call hands to the host. A class, since it is made for every call and its signal for few. */
export class ServedContext implements CallContext {
  readonly callId: CallId
  readonly chain: readonly string[]
  readonly idempotencyKey?: string
  readonly deadline?: number
  readonly expectedVersion?: number
  readonly fencingToken?: number
  readonly durability?: 'async'
  readonly traceParent?: string
  readonly #served: Served

  constructor(start: CallStart, served: Served) {
    this.#served = served
    this.callId = callId(start.callId)
    this.chain = start.chain
    if (start.idempotencyKey !== '') this.idempotencyKey = start.idempotencyKey
    if (start.budgetMs !== undefined) this.deadline = served.began + start.budgetMs
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
