import { isActiveStorageError } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import type { Call, Transport } from '../core/transport.ts'

/** Objects of one site whose new place is remembered. */
const KNOWN_MOST = 100_000
/** Moves followed in one call: more than one object makes in the time of a call, fewer than a circle. */
const HOPS = 16

/** Follows objects that have moved to another site, and remembers where they are. */
export interface Following {
  /** Calls begin where the object was last seen, or at `home`. */
  from(home: Transport): Transport
}

/** @param other the way to a site that an answer names; undefined where the caller knows none */
export const createFollowing = (other: (site: SiteName) => Transport | undefined): Following => {
  // By the site where the calls begin: another site may have an object of the same type and name.
  const byHome = new WeakMap<Transport, Map<string, Transport>>()
  const nameOf = ({ type, object }: Call) => `${type}/${object}`
  const placesFrom = (home: Transport): Map<string, Transport> => {
    const known = byHome.get(home) ?? new Map<string, Transport>()
    byHome.set(home, known)
    return known
  }
  /** Where the error says that the object is now. */
  const next = (places: Map<string, Transport>, call: Call, error: unknown, hops: number): Transport | undefined => {
    if (!isActiveStorageError(error, 'moved') || hops >= HOPS) return undefined
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- compared with names that are known, and used for nothing else
    const place = other(error.details.site as SiteName)
    if (place === undefined) return undefined
    if (places.size >= KNOWN_MOST) places.clear()
    places.set(nameOf(call), place)
    return place
  }
  const follow = (home: Transport, places: Map<string, Transport>): Transport => {
    return {
      async call(call) {
        let place = places.size === 0 ? home : (places.get(nameOf(call)) ?? home)
        for (let hops = 0; ; hops++) {
          try {
            return await place.call(call)
          } catch (error) {
            const there = next(places, call, error, hops)
            if (there === undefined) throw error
            place = there
          }
        }
      },
      async *stream(call) {
        let place = places.get(nameOf(call)) ?? home
        for (let hops = 0; ; hops++) {
          let begun = false
          try {
            for await (const item of place.stream(call)) {
              begun = true
              yield item
            }
            return
          } catch (error) {
            const there = begun ? undefined : next(places, call, error, hops)
            if (there === undefined) throw error
            place = there
          }
        }
      },
      close: () => home.close(),
    }
  }
  return { from: (home) => follow(home, placesFrom(home)) }
}
