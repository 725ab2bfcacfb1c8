import type { PolicyDocument } from './document.ts'
import { formatBytes } from './figures.ts'
import { readSignal } from './signals.ts'
import type { CallView, Role, SiteView } from './types.ts'

/** A site for all stages of a call, and why. */
export interface Placed {
  readonly site: SiteView
  readonly because: string
}

/** Where else to look when a role has no site that is up: nearest to its intention first. */
const others: Readonly<Record<Role, readonly Role[]>> = {
  local: ['node', 'cloud'],
  node: ['local', 'cloud'],
  cloud: ['node', 'local'],
}

/** Bytes of the call's inputs that a site lacks. */
const missingAt = (call: CallView, site: SiteView): number => {
  let bytes = 0
  for (const { inputs } of call.stages)
    for (const input of inputs) if (input.home !== site.name && !site.has(input.hash)) bytes += input.bytes
  return bytes
}

/** Of several sites in a role: the one that has to fetch least, then the one with the fewest of our calls. */
const bestOf = (call: CallView, some: readonly SiteView[]): SiteView | undefined => {
  if (some.length < 2) return some[0]
  return some
    .map((site) => ({ site, bytes: missingAt(call, site) }))
    .toSorted((a, b) => a.bytes - b.bytes || a.site.outstanding - b.site.outstanding)[0]?.site
}

/** The site of a role; where it is absent or down, the next best. `because` is what the caller already has to say. */
export const placeAt = (role: Role, because: string, call: CallView, sites: readonly SiteView[]): Placed | undefined => {
  for (const [index, candidate] of [role, ...others[role]].entries()) {
    const site = bestOf(
      call,
      sites.filter((one) => one.role === candidate && one.up),
    )
    if (site === undefined) continue
    if (index === 0) return { site, because }
    const trouble = sites.some((one) => one.role === role) ? 'is down' : 'is not there'
    return { site, because: `${because}, but ${role} ${trouble}: ${site.name} instead` }
  }
  // Nothing is up: this process if it is there, since it needs no link, and otherwise whatever may have come back.
  const last = sites.find((one) => one.role === 'local') ?? sites[0]
  return last === undefined ? undefined : { site: last, because: `${because}, but no site is up: ${last.name} as a last resort` }
}

/** Offloads what would have to bring much data here. */
export const byThreshold = (document: PolicyDocument, call: CallView, sites: readonly SiteView[]): Placed | undefined => {
  const { offloadAboveBytes: bound, to } = document.threshold
  const bytes = readSignal('call.missingBytes', call, sites) ?? 0
  const over = bytes > bound
  const because = `${formatBytes(bytes)} would have to come here, ${over ? 'more' : 'not more'} than ${formatBytes(bound)}`
  return placeAt(over ? to : 'local', because, call, sites)
}
