import type { Store, Write } from '../../../src/storage-node/store/store.ts'

export type Kept = Map<string, string>

export const applyTo = (kept: Kept, writes: readonly Write[]): void => {
  for (const { key, value } of writes) {
    if (value === undefined) kept.delete(key)
    else kept.set(key, value.toString('latin1'))
  }
}

export const inRange = (kept: Kept, prefix: string, after: string | undefined, limit: number): [string, string][] =>
  [...kept]
    .filter(([key]) => key.startsWith(prefix) && (after === undefined || key > after))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit)

/** What the two fakes have in common: one map that is read. */
const reading = (kept: Kept): Pick<Store, 'get' | 'range' | 'snapshot' | 'close'> => {
  const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'latin1'))
  const reads = (of: Kept): Pick<Store, 'get' | 'range'> => ({
    get: (key) => bytes(of.get(key)),
    range: (prefix, { after, limit }) => inRange(of, prefix, after, limit).map(([key, value]) => [key, Buffer.from(value, 'latin1')]),
  })
  return {
    ...reads(kept),
    snapshot: () => Promise.resolve({ ...reads(new Map(kept)), done: () => undefined }),
    close: () => Promise.resolve(),
  }
}

export interface Asked {
  readonly writes: readonly Write[]
  /** Makes the writes readable; the one who asked does not know yet. */
  apply(): void
  succeed(): void
  fail(error: unknown): void
}

/** A store whose commits end when the test says so, one after the other. */
export const controlledStore = () => {
  const kept: Kept = new Map()
  const asked: Asked[] = []
  const listeners: (() => void)[] = []
  const store: Store = {
    ...reading(kept),
    commit: (writes) =>
      new Promise((resolve, reject) => {
        let applied = false
        const one: Asked = {
          writes,
          apply() {
            if (!applied) applyTo(kept, writes)
            applied = true
          },
          succeed() {
            one.apply()
            asked.splice(asked.indexOf(one), 1)
            resolve()
          },
          fail(error) {
            asked.splice(asked.indexOf(one), 1)
            reject(error)
          },
        }
        asked.push(one)
        for (const listener of listeners.splice(0)) listener()
      }),
  }
  return {
    store,
    kept,
    /** Commits that wait for their end. */
    asked,
    /** The next commit that is asked for, or the first that waits. */
    next: async (): Promise<Asked> => {
      // The queue's own timers do not keep a process alive.
      const alive = setInterval(() => {}, 1000)
      while (asked.length === 0) await new Promise<void>((resolve) => listeners.push(resolve))
      clearInterval(alive)
      return asked[0]!
    },
  }
}

/**
 * A store that forgets what was not synced when the power is cut.
 * @param tooEarly the fault to be found: it resolves a commit before its sync
 */
export const forgetfulStore = ({ tooEarly = false } = {}) => {
  const volatile: Kept = new Map()
  const onDisk: Kept = new Map()
  const unsynced: { readonly writes: readonly Write[]; readonly resolve: () => void }[] = []
  const store: Store = {
    ...reading(volatile),
    commit: (writes) =>
      new Promise((resolve) => {
        applyTo(volatile, writes)
        unsynced.push({ writes, resolve })
        if (tooEarly) resolve()
      }),
  }
  return {
    store,
    /** One sync: what was committed so far is on disk. */
    sync() {
      for (const { writes, resolve } of unsynced.splice(0)) {
        applyTo(onDisk, writes)
        resolve()
      }
    },
    /** What a power cut now would leave. */
    afterPowerCut: (): Kept => new Map(onDisk),
  }
}
