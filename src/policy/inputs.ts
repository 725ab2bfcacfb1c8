import type { Knowledge } from './estimators.ts'
import type { CallView, SiteView } from './types.ts'

/** What a site would have to be sent before it can run a stage. */
export interface Missing {
  bytes: number
  /** Time on the links that have been measured. */
  ms: number
  /** Bytes over links that have not. */
  unknown: number
  /** To ask for it at the farthest of its homes. */
  roundTripMs: number
}

/**
 * Milliseconds per byte from a home to a site; undefined where not measured. What the site has been seen to fetch at
 * comes first. Otherwise the client's own links stand in: home to client, and client to site. The link between two
 * remote sites cannot be measured from here, so for peers that are closer to each other than to us this is too slow, and
 * the first fetch corrects it.
 */
const msPerByte = (home: SiteView | undefined, site: SiteView, known: Knowledge): number | undefined => {
  const seen = known.fetch(site.name)
  if (seen !== undefined) return seen
  const down = home?.role === 'local' ? 0 : inverse(home?.downBytesPerMs)
  const up = site.role === 'local' ? 0 : inverse(site.upBytesPerMs)
  return down === undefined || up === undefined ? undefined : Math.max(down, up)
}

/** A rate of next to nothing is no measurement, and its inverse no number. */
export const inverse = (rate: number | undefined): number | undefined => (rate === undefined || !(rate > 1e-6) ? undefined : 1 / rate)

interface Home {
  readonly rttMs: number
  /** By the sites' places in the list. */
  readonly rates: readonly (number | undefined)[]
}

/** For each stage and site what is missing there. Goes over the inputs once, since a call may have many. */
export const missingInputs = (call: CallView, sites: readonly SiteView[], known: Knowledge): readonly (readonly Missing[])[] => {
  const homes = new Map<string, Home>()
  return call.stages.map((stage) => {
    const missing = sites.map((): Missing => ({ bytes: 0, ms: 0, unknown: 0, roundTripMs: 0 }))
    const seen = sites.map(({ name }) => stage.measured?.get(name)?.msPerByte)
    for (const { hash, bytes, home } of stage.inputs) {
      let from = homes.get(home)
      if (from === undefined) {
        const view = sites.find((site) => site.name === home)
        from = { rttMs: view?.rttMs ?? 0, rates: sites.map((site) => msPerByte(view, site, known)) }
        homes.set(home, from)
      }
      for (let index = 0; index < sites.length; index++) {
        const site = sites[index]
        const there = missing[index]
        if (site === undefined || there === undefined || site.name === home || site.has(hash)) continue
        const rate = seen[index] ?? from.rates[index]
        there.bytes += bytes
        if (rate === undefined) there.unknown += bytes
        else there.ms += bytes * rate
        there.roundTripMs = Math.max(there.roundTripMs, from.rttMs)
      }
    }
    return missing
  })
}
