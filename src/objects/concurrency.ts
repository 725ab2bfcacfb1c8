/** Maps with at most `limit` under way; results in the order of the items. The first error stops what has not begun. */
export const mapLimited = async <T, R>(items: readonly T[], limit: number, work: (item: T, index: number) => Promise<R>): Promise<R[]> => {
  const results = new Array<R>(items.length)
  let next = 0
  const runner = async () => {
    while (next < items.length) {
      const index = next++
      try {
        results[index] = await work(items[index]!, index)
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
