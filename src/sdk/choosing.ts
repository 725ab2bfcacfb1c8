import type { Call, CallReport, Transport } from '../core/transport.ts'
import type { PlacedView, PlaceOptions, Placer } from './placer.ts'
import { carriedBy } from './references.ts'
import type { Site } from './site.ts'

/** A movable call as one stage, whose unit is the byte that goes in. */
export const viewOf = (call: Call): PlacedView => {
  const { refs, bytes } = carriedBy(call.args)
  return {
    type: call.type,
    method: call.method,
    stages: [{ key: `${call.type}.${call.method}`, units: refs.reduce((sum, ref) => sum + ref.bytes, bytes), inputs: refs }],
    argumentBytes: bytes,
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
export const choosing = ({ placer, home, fixed, at }: ChoosingOptions): Transport => {
  const optionsOf = ({ context: { signal, deadline } }: Call): PlaceOptions => ({ signal, deadline })
  /** The call as it is made at a site: who placed it is told what it cost, beside its caller. */
  const reporting = (call: Call, told: (report: CallReport) => void): Call => {
    const onReport = (made: CallReport) => {
      told(made)
      call.context.onReport?.(made)
    }
    return { ...call, context: { ...call.context, onReport } }
  }
  return {
    call: (call) => {
      if (call.kind !== 'movable') return home.transport.call(call)
      if (fixed !== undefined) return fixed.call(call)
      return placer.run(viewOf(call), optionsOf(call), ([site], onReport) => at(site ?? home).call(reporting(call, onReport)))
    },
    stream: (call) => {
      if (call.kind !== 'movable') return home.transport.stream(call)
      if (fixed !== undefined) return fixed.stream(call)
      return placer.stream(viewOf(call), optionsOf(call), (site, onReport) => at(site).stream(reporting(call, onReport)))
    },
    close: () => Promise.resolve(),
  }
}
