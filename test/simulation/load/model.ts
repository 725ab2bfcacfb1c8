import type { Place, Seen } from './log.ts'

/**
 * What the callers were told, held against what is there in the end. It knows nothing of the product: a log is a list to
 * which entries are appended, each entry is asked for by one call, and time is that of the callers.
 */
export interface Model {
  /** A call that would add an entry begins. */
  begun(entry: string, options: Terms): Asked
  /** A reader has been answered. @param began when it was called */
  seen(seen: Seen, began: number): void
  /** Something has happened by which changes can be lost that were answered and not on disk. */
  lossy(): void
  /** A log began before the run: no other may appear under a name. */
  founded(log: string): void
  /** Entries that were on disk at a moment. */
  answeredBefore(log: string, moment: number): readonly string[]
  /** Something that no call may be answered with, or that must not be there. */
  find(what: string): void
  /** Holds all replies against the logs as they are in the end. */
  judge(logs: readonly Held[]): void
  readonly found: readonly string[]
}

export interface Terms {
  readonly keyed: boolean
  readonly durable: boolean
  /** Its name may mean another log when the call is made again: then that may have the entry, too. */
  readonly ambiguous?: boolean
}

/** One entry and what came of it. */
export interface Asked {
  readonly entry: string
  /** Answered. A second answer must be the same. */
  answered(place: Place): void
  /** Refused with a code which says that nothing was changed. */
  refused(code: string): void
}

/** A log as it lies on a site. */
export interface Held {
  readonly site: string
  readonly name: string
  readonly entries: readonly string[]
}

interface Entry extends Terms {
  readonly entry: string
  answer: { readonly place: Place; readonly at: number } | undefined
  refusal: string | undefined
}

export const createModel = (now: () => number): Model => {
  const asked = new Map<string, Entry>()
  const reads: { readonly seen: Seen; readonly began: number; readonly at: number }[] = []
  const founded = new Set<string>()
  const losses: number[] = []
  const found: string[] = []
  const find = (what: string) => void found.push(what)

  const judgeEntry = (one: Entry, places: ReadonlyMap<string, readonly Place[]>) => {
    const { entry, answer, refusal, durable } = one
    const there = places.get(entry) ?? []
    const shown = there.map(({ log, position }) => `${log}:${position}`).join(', ')
    const twice = one.ambiguous === true ? there.length > new Set(there.map(({ log }) => log)).size : there.length > 1
    if (twice) find(`doubled: ${entry} is there ${there.length} times (${shown})${one.keyed ? ', though it had a key' : ''}`)
    if (refusal !== undefined && answer === undefined && there.length > 0)
      find(`refused and done: ${entry} was refused with ${refusal} and is at ${shown}`)
    if (answer === undefined || !durable) return
    const { place } = answer
    if (there.length === 0) find(`lost: ${entry} was answered with ${place.log}:${place.position} at ${answer.at}`)
    else if (!there.some(({ log, position }) => log === place.log && position === place.position))
      find(`moved: ${entry} was answered with ${place.log}:${place.position} and is at ${shown}`)
  }
  const answeredIn = (log: string) =>
    [...asked.values()].flatMap(({ entry, answer, durable }) =>
      answer?.place.log === log && durable ? [{ entry, position: answer.place.position, at: answer.at }] : [],
    )
  const judgeReads = (logs: ReadonlyMap<string, readonly string[]>) => {
    /** By log: at which moments at least so much was to be seen. */
    const known = new Map<string, { readonly at: number; readonly length: number }[]>()
    for (const log of logs.keys())
      known.set(
        log,
        answeredIn(log).map(({ at, position }) => ({ at, length: position })),
      )
    for (const { seen, at } of reads) known.get(seen.log)?.push({ at, length: seen.entries.length })
    for (const list of known.values()) list.sort((a, b) => a.at - b.at)
    for (const { seen, began } of reads) {
      const last = logs.get(seen.log)
      if (last === undefined) {
        find(`lost: a reader saw the log ${seen.log}, which is nowhere now`)
        continue
      }
      const wrong = seen.entries.findIndex((entry, index) => last[index] !== entry)
      if (wrong >= 0)
        find(`not lasting: a reader saw ${seen.entries[wrong]} at ${seen.log}:${wrong + 1}, where ${last[wrong] ?? 'nothing'} is now`)
      let least = 0
      for (const { at, length } of known.get(seen.log) ?? []) {
        if (at >= began) break
        least = Math.max(least, length)
      }
      for (const { entry, answer, durable } of asked.values()) {
        if (durable || answer === undefined || answer.place.log !== seen.log || answer.at >= began) continue
        if (!losses.some((moment) => moment >= answer.at) && !seen.entries.includes(entry))
          find(`stale: a reader that began at ${began} did not see ${entry}, which was answered at ${answer.at} before it was on disk`)
      }
      if (seen.entries.length < least)
        find(
          `stale: a reader that began at ${began} saw ${seen.entries.length} entries of ${seen.log}, where ${least} had been told before`,
        )
    }
  }

  return {
    begun(entry, terms) {
      const one: Entry = { ...terms, entry, answer: undefined, refusal: undefined }
      asked.set(entry, one)
      return {
        entry,
        answered(place) {
          const before = one.answer?.place
          const other = before !== undefined && (before.log !== place.log || before.position !== place.position)
          if (other && (one.ambiguous !== true || before.log === place.log))
            find(`two answers: ${entry} is at ${before.log}:${before.position} and at ${place.log}:${place.position}`)
          one.answer ??= { place, at: now() }
        },
        refused(code) {
          one.refusal = code
        },
      }
    },
    seen: (seen, began) => void reads.push({ seen, began, at: now() }),
    lossy: () => void losses.push(now()),
    founded: (log) => void founded.add(log),
    answeredBefore: (log, moment) => answeredIn(log).flatMap(({ entry, at }) => (at < moment ? [entry] : [])),
    find,
    judge(held) {
      const logs = new Map<string, readonly string[]>()
      const homes = new Map<string, string[]>()
      const places = new Map<string, Place[]>()
      for (const { site, name, entries } of held) {
        const log = entries[0] ?? ''
        homes.set(log, [...(homes.get(log) ?? []), `${site}/${name}`])
        if (logs.has(log)) continue
        logs.set(log, entries)
        entries.forEach((entry, index) => places.set(entry, [...(places.get(entry) ?? []), { log, position: index + 1 }]))
      }
      for (const [log, at] of homes) {
        if (at.length > 1) find(`two homes: ${log} is at ${at.join(' and ')}`)
        if (!founded.has(log)) find(`made anew: ${at.join(', ')} begins with ${log}`)
      }
      for (const log of founded) if (!homes.has(log)) find(`lost: the log ${log} has no home`)
      for (const entry of places.keys()) if (!asked.has(entry)) find(`unknown: nobody asked for ${entry}`)
      for (const one of asked.values()) judgeEntry(one, places)
      judgeReads(logs)
    },
    found,
  }
}
