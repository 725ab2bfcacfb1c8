import { nextSlice, sliceIsOver } from '../core/slices.ts'

/** Maps with at most `limit` under way; results in the order of the items. The first error stops what has not begun. */
export const mapLimited = async <T, R>(items: readonly T[], limit: number, work: (item: T, index: number) => Promise<R>): Promise<R[]> => {
  const results = new Array<R>(items.length)
  let next = 0
  const runner = async () => {
    while (next < items.length) {
      const index = next++
      try {
        results[index] = await work(items[index]!, index)
        if (sliceIsOver()) await nextSlice()
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, runner))
  return results
}

/** Lets a number of pieces of work run at a time, in the order in which they came. */
export interface Gate {
  run<T>(work: () => Promise<T>): Promise<T>
}

export const createGate = (limit: number): Gate => {
  let running = 0
  const waiting: (() => void)[] = []
  return {
    async run(work) {
      if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
      else running++
      try {
        return await work()
      } finally {
        // The place goes from one to the next, so `running` changes only where nobody waits.
        const next = waiting.shift()
        if (next === undefined) running--
        else next()
      }
    },
  }
}

/** Lets work run while the sum of its weights is within a limit, in the order in which it came; what is heavier runs alone. */
export interface Budget {
  run<T>(weight: number, work: () => Promise<T>): Promise<T>
}

export const createBudget = (limit: number): Budget => {
  let taken = 0
  const waiting: { readonly weight: number; readonly start: () => void }[] = []
  const fits = (weight: number) => taken === 0 || taken + weight <= limit
  const take = (weight: number) => {
    taken += weight
  }
  return {
    async run(weight, work) {
      if (waiting.length === 0 && fits(weight)) take(weight)
      else await new Promise<void>((start) => waiting.push({ weight, start }))
      try {
        return await work()
      } finally {
        taken -= weight
        for (let next = waiting[0]; next !== undefined && fits(next.weight); next = waiting[0]) {
          waiting.shift()
          take(next.weight)
          next.start()
        }
      }
    },
  }
}
