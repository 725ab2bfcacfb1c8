import type { ContentStore } from '../content/content-store.ts'

/** A content store from which nothing is removed for a while: removals wait. */
export interface KeptContent {
  readonly content: ContentStore
  /** Resolves when no removal is under way; none begins from then on. @returns lets them go on */
  keep(): Promise<() => void>
}

export const keptContent = (content: ContentStore): KeptContent => {
  let keepers = 0
  let [free, letGo] = [Promise.resolve(), () => {}]
  const removing = new Set<Promise<unknown>>()
  return {
    content: {
      ...content,
      async remove(hash, still) {
        while (keepers > 0) await free
        const work = content.remove(hash, still)
        removing.add(work)
        try {
          return await work
        } finally {
          removing.delete(work)
        }
      },
    },
    async keep() {
      if (keepers++ === 0) free = new Promise((resolve) => (letGo = resolve))
      await Promise.allSettled(removing)
      let done = false
      return () => {
        if (done) return
        done = true
        if (--keepers === 0) letGo()
      }
    },
  }
}
