import type { Call, CallReport, Transport } from '../core/transport.ts'
import type { CallView } from '../policy/types.ts'
import type { Placer } from './placer.ts'
import { carriedBy } from './references.ts'
import type { Site } from './site.ts'

/** A movable call as one stage, whose unit is the byte that goes in. */
export const viewOf = (call: Call): CallView => {
  const { refs, bytes } = carriedBy(call.args)
  return {
    type: call.type,
    method: call.method,
    stages: [{ key: `${call.type}.${call.method}`, units: refs.reduce((sum, ref) => sum + ref.bytes, bytes), inputs: refs }],
    argumentBytes: bytes,
    budgetMs: call.context.budgetMs,
  }
}

export interface ChoosingOptions {
  readonly placer: Placer
  /** Where calls go that are not movable. */
  readonly home: Site
  /** Where movable calls go when the caller has said so. */
  readonly fixed: Transport | undefined
  /** The transport that makes a call at a site, inputs supplied. */
  readonly at: (site: Site) => Transport
}

/** Sends each call to its place: movable ones where the policy says, others home. */
export const choosing = ({ placer, home, fixed, at }: ChoosingOptions): Transport => ({
  call: (call) => {
    if (call.kind !== 'movable') return home.transport.call(call)
    if (fixed !== undefined) return fixed.call(call)
    return placer.run(viewOf(call), undefined, call.context.signal, ([site], onReport) => {
      const report = (made: CallReport) => {
        onReport(made)
        call.context.onReport?.(made)
      }
      return at(site ?? home).call({ ...call, context: { ...call.context, onReport: report } })
    })
  },
  // A stream goes to one place and stays: what its reader has taken cannot be taken back.
  async *stream(call) {
    if (call.kind !== 'movable') {
      yield* home.transport.stream(call)
      return
    }
    if (fixed !== undefined) {
      yield* fixed.stream(call)
      return
    }
    let chosen = home
    await placer.run(viewOf(call), undefined, call.context.signal, ([site]) => {
      chosen = site ?? home
      return Promise.resolve()
    })
    yield* at(chosen).stream(call)
  },
  close: () => Promise.resolve(),
})
