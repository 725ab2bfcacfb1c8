import { failure } from '../../core/errors.ts'
import { LOCAL, type SiteName, siteName } from '../../core/ids.ts'
import { ObjectRef } from '../../core/object-ref.ts'
import { type Parent, remoteOf } from '../../core/remote.ts'
import type { Transport } from '../../core/transport.ts'
import type { RunningCall } from './running-call.ts'
import type { Reach } from './selves.ts'

export interface Ways {
  readonly site: SiteName
  /** Where nested calls to this site go. */
  readonly host: () => Transport
  /** Where nested calls to other sites go. */
  readonly peer: (site: SiteName) => Transport | undefined
}

const parentOf = ({ call, chain, link }: RunningCall): Parent => {
  const { callId, deadline, traceParent } = call.context
  return { callId, chain: [...chain, link], deadline, ...(traceParent !== undefined && { traceParent }) }
}

/** What a method calls other objects by: with its deadline, its call id, its trace context, and itself in their chain. */
export const createReach =
  ({ site, host, peer }: Ways) =>
  (running: RunningCall): Reach => {
    // Most methods call no others.
    let parent: Parent | undefined
    return (type, target, { at } = {}) => {
      const [id, home] = target instanceof ObjectRef ? [target.id, target.home] : [target, at]
      const there = home === undefined || home === site || home === LOCAL ? host() : peer(siteName(home))
      if (there === undefined)
        throw failure(
          'unavailable',
          `${site} knows no site "${home}": start it with --peer ${home}=ADDRESS, so that its objects can be called`,
        )
      return remoteOf(type, id, () => there, { signal: running.scope.signal }, (parent ??= parentOf(running)))
    }
  }
