/**
 * Long work on the main thread is cut into slices, so that other calls are answered meanwhile. All work of a thread shares
 * one slice a turn of the event loop: ten loops at a time hold it no longer than one.
 */

/** Milliseconds that sliced work may take of one turn of the event loop. */
export const SLICE_MS = 10

const waiting: (() => void)[] = []
/** When the sliced work of this turn of the event loop began; undefined where there was none yet. */
let began: number | undefined
let scheduled = false

const schedule = () => {
  if (scheduled) return
  scheduled = true
  setImmediate(() => {
    scheduled = false
    const next = waiting.shift()
    began = next === undefined ? undefined : performance.now()
    next?.()
    // Each turn of the loop has one slice. What is asked for in this one is given in the next.
    if (next !== undefined) schedule()
  })
}

/** Whether the slice of this turn of the event loop is used up: work then awaits `nextSlice()`. */
export const sliceIsOver = (): boolean => {
  const now = performance.now()
  if (began === undefined) {
    began = now
    schedule()
  }
  return now - began >= SLICE_MS
}

/** Resolves in a later turn of the event loop, in the order in which work asked. */
export const nextSlice = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve)
    schedule()
  })

/** Does something with each item, in slices. @example await eachSliced(rows, (row) => counts.add(row)) */
export async function eachSliced<T>(items: Iterable<T>, work: (item: T, index: number) => void, signal?: AbortSignal): Promise<void> {
  let index = 0
  for (const item of items) {
    work(item, index++)
    if (!sliceIsOver()) continue
    await nextSlice()
    if (signal?.aborted === true) throw signal.reason
  }
}

/** `Array.map` in slices, of anything that can be gone through. */
export const mapSliced = async <T, R>(items: Iterable<T>, work: (item: T, index: number) => R, signal?: AbortSignal): Promise<R[]> => {
  const made: R[] = []
  await eachSliced(items, (item, index) => void made.push(work(item, index)), signal)
  return made
}

/** `Array.filter` in slices. */
export const filterSliced = async <T>(items: Iterable<T>, fits: (item: T) => boolean, signal?: AbortSignal): Promise<T[]> => {
  const found: T[] = []
  const take = (item: T) => {
    if (fits(item)) found.push(item)
  }
  await eachSliced(items, take, signal)
  return found
}

/** Parts of 0 to `count`, each of some ms at the most where the work for one number is as little as an addition. */
export const rangeSliced = async (count: number, work: (from: number, to: number) => void, step = 65_536): Promise<void> => {
  for (let from = 0; from < count; from += step) {
    work(from, Math.min(count, from + step))
    if (sliceIsOver()) await nextSlice()
  }
}

const RUN = 1024

/** `Array.toSorted` in slices: stable, by merging. @param before whether the first comes before the second, or is equal: <= 0 */
export const sortSliced = async <T>(items: readonly T[], compare: (a: T, b: T) => number, signal?: AbortSignal): Promise<T[]> => {
  let runs: T[][] = []
  for (let from = 0; from < items.length; from += RUN) {
    runs.push(items.slice(from, from + RUN).sort(compare))
    if (sliceIsOver()) await nextSlice()
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      const [one, other] = [runs[at]!, runs[at + 1]]
      merged.push(other === undefined ? one : await merge(one, other, compare, signal))
    }
    runs = merged
  }
  return runs[0] ?? []
}

const merge = async <T>(one: readonly T[], other: readonly T[], compare: (a: T, b: T) => number, signal?: AbortSignal): Promise<T[]> => {
  const made: T[] = []
  let [i, j] = [0, 0]
  while (i < one.length || j < other.length) {
    const first = j >= other.length || (i < one.length && compare(one[i]!, other[j]!) <= 0)
    made.push(first ? one[i++]! : other[j++]!)
    if (made.length % RUN !== 0 || !sliceIsOver()) continue
    await nextSlice()
    if (signal?.aborted === true) throw signal.reason
  }
  return made
}
