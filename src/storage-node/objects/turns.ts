import { failure } from '../../core/errors.ts'
import { patient } from '../patience.ts'

/** A call that asks for turns. */
export interface Caller {
  /** Tells it from every other call, also from those that have its call id. */
  readonly link: string
  /** The links of the calls that it was made in, outermost first. */
  readonly chain: readonly string[]
  /** Fires when nobody waits for the call any more. */
  readonly signal: AbortSignal
}

/** A time in which one call, and those made in it, have an object to themselves. */
export interface Turn<Work> {
  /** Of the call whose turn it is. */
  readonly link: string
  /** What the turn works on; calls that come back to the object within the turn share it. */
  work: Work | undefined
  end(): void
}

/** Lets one call at a time act on each object, in the order in which they asked. */
export interface Turns<Work> {
  /**
   * Resolves when it is this call's turn.
   * @throws `cancelled` or `deadline-exceeded` as soon as nobody waits for the call: its arguments are held no longer
   * @throws `call-cycle` where the calls that hold what this one waits for wait for what this one, or one that it was made in, holds
   */
  take(object: string, caller: Caller): Promise<Turn<Work>>
  /** The turn that this call, or one that it was made in, has on an object now. Calls made beside it share none. */
  heldBy(object: string, caller: Caller): Turn<Work> | undefined
}

export const createTurns = <Work>(): Turns<Work> => {
  // The promise of the last turn asked for, per object; gone when nobody waits.
  const last = new Map<string, Promise<void>>()
  const holders = new Map<string, Turn<Work>>()
  // What each call waits for, or calls made in it: several things, where its method calls side by side.
  const waits = new Map<string, Set<{ readonly object: string }>>()

  /** Whether the holder of `object` waits, over any number of others, for something that one of `links` holds. */
  const waitsFor = (object: string, links: readonly string[], seen = new Set<string>()): boolean => {
    const holder = holders.get(object)?.link
    if (holder === undefined || seen.has(holder)) return false
    if (links.includes(holder)) return true
    seen.add(holder)
    return [...(waits.get(holder) ?? [])].some((next) => waitsFor(next.object, links, seen))
  }
  const wait = async (object: string, caller: Caller, before: Promise<void>) => {
    const { link, chain } = caller
    const links = [...chain, link]
    if (waitsFor(object, links))
      throw failure('call-cycle', `this call waits for ${object}, whose holder waits for what this call holds: repeat it`)
    const waiting = { object }
    for (const each of links) waits.set(each, (waits.get(each) ?? new Set()).add(waiting))
    try {
      await patient(before, caller.signal)
    } finally {
      for (const each of links) {
        const all = waits.get(each)
        all?.delete(waiting)
        if (all?.size === 0) waits.delete(each)
      }
    }
  }

  return {
    async take(object, caller) {
      const before = last.get(object)
      let pass = () => undefined as void
      const turn = new Promise<void>((resolve) => (pass = resolve))
      const release = () => {
        if (last.get(object) === turn) last.delete(object)
        pass()
      }
      last.set(object, turn)
      try {
        if (before !== undefined) await wait(object, caller, before)
      } catch (error) {
        // Those behind have lined up after this one already: they go on when the one before is done.
        void before?.then(release)
        throw error
      }
      const held: Turn<Work> = {
        link: caller.link,
        work: undefined,
        end: () => {
          if (holders.get(object) === held) holders.delete(object)
          release()
        },
      }
      holders.set(object, held)
      return held
    },
    heldBy(object, { link, chain }) {
      const held = holders.get(object)
      return held !== undefined && (held.link === link || chain.includes(held.link)) ? held : undefined
    },
  }
}
