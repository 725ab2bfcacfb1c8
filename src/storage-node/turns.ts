/** Lets one holder at a time act on each object, in the order in which they asked. */
export interface Turns {
  /** Resolves when it is this caller's turn, to what ends the turn. */
  take(object: string): Promise<() => void>
}

export const createTurns = (): Turns => {
  // The promise of the last turn asked for, per object; gone when nobody waits.
  const last = new Map<string, Promise<void>>()
  return {
    async take(object) {
      const before = last.get(object)
      let end = () => undefined as void
      const turn = new Promise<void>((resolve) => (end = resolve))
      last.set(object, turn)
      await before
      return () => {
        if (last.get(object) === turn) last.delete(object)
        end()
      }
    },
  }
}
