import { failure } from '../../core/errors.ts'
import type { CallId } from '../../core/ids.ts'

/** A time in which one chain of calls has an object to itself. */
export interface Turn<Work> {
  readonly callId: CallId
  /** What the turn works on; calls that come back to the object within the turn share it. */
  work: Work | undefined
  end(): void
}

/** Lets one chain of calls at a time act on each object, in the order in which they asked. */
export interface Turns<Work> {
  /**
   * Resolves when it is this call's turn.
   * @throws `call-cycle` where the calls that hold what this one waits for wait for what this one holds
   */
  take(object: string, callId: CallId): Promise<Turn<Work>>
  /** The turn that a chain of calls has on an object now. */
  heldBy(object: string, callId: CallId): Turn<Work> | undefined
}

export const createTurns = <Work>(): Turns<Work> => {
  // The promise of the last turn asked for, per object; gone when nobody waits.
  const last = new Map<string, Promise<void>>()
  const holders = new Map<string, Turn<Work>>()
  // What each chain of calls waits for. A chain may wait for several things, where its methods call side by side.
  const waits = new Map<CallId, Set<string>>()

  /** Whether the holder of `object` waits, over any number of others, for something that `callId` holds. */
  const wouldWaitForItself = (object: string, callId: CallId, seen = new Set<CallId>()): boolean => {
    const holder = holders.get(object)?.callId
    if (holder === undefined || holder === callId) return holder === callId && seen.size > 0
    if (seen.has(holder)) return false
    seen.add(holder)
    return [...(waits.get(holder) ?? [])].some((next) => wouldWaitForItself(next, callId, seen))
  }
  const wait = async (object: string, callId: CallId, before: Promise<void>) => {
    if (wouldWaitForItself(object, callId))
      throw failure('call-cycle', `this call waits for ${object}, whose holder waits for what this call holds: repeat it`)
    const objects = waits.get(callId) ?? new Set()
    waits.set(callId, objects.add(object))
    try {
      await before
    } finally {
      objects.delete(object)
      if (objects.size === 0) waits.delete(callId)
    }
  }

  return {
    async take(object, callId) {
      const before = last.get(object)
      let pass = () => undefined as void
      const turn = new Promise<void>((resolve) => (pass = resolve))
      const release = () => {
        if (last.get(object) === turn) last.delete(object)
        pass()
      }
      last.set(object, turn)
      try {
        if (before !== undefined) await wait(object, callId, before)
      } catch (error) {
        // Those behind have lined up after this one already: they go on when the one before is done.
        void before?.then(release)
        throw error
      }
      const held: Turn<Work> = {
        callId,
        work: undefined,
        end: () => {
          if (holders.get(object) === held) holders.delete(object)
          release()
        },
      }
      holders.set(object, held)
      return held
    },
    heldBy(object, callId) {
      const held = holders.get(object)
      return held?.callId === callId ? held : undefined
    },
  }
}
