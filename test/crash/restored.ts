import { byObject, type Clock, createHistory, type Entry, type History } from './history.ts'
import type { Finding, Judge, Moment } from './workload.ts'

/**
 * The calls as a backup of a moment between two instants must know them: what was answered before the first is in it,
 * what began after the second is not, and of the rest nothing is known.
 */
export const asOf = <Asked, Answer>(entries: readonly Entry<Asked, Answer>[], { began, ended }: Moment): Entry<Asked, Answer>[] =>
  entries
    .filter(({ invoked }) => invoked < ended)
    .map((entry) => (entry.replied < began ? entry : { ...entry, replied: Infinity, outcome: { kind: 'unknown' } }))

export interface RestoredRead<Asked, Answer> {
  readonly clock: Clock
  readonly history: History<Asked, Answer>
  readonly objects: readonly string[]
  readonly read: (object: string, into: History<Asked, Answer>) => Promise<unknown>
  readonly check: (object: string, entries: readonly Entry<Asked, Answer>[]) => readonly Finding[]
}

/** Reads objects from a restored node; they must be what the history was at the moment of its backup. */
export const readRestored = async <Asked, Answer>({
  clock,
  history,
  objects,
  read,
  check,
}: RestoredRead<Asked, Answer>): Promise<Judge> => {
  const apart = createHistory<Asked, Answer>(clock)
  for (const object of objects) await read(object, apart)
  const reads = byObject(apart.entries)
  return (moment) => {
    const before = byObject(asOf(history.entries, moment))
    return objects.flatMap((object) => check(object, [...(before.get(object) ?? []), ...(reads.get(object) ?? [])]))
  }
}
