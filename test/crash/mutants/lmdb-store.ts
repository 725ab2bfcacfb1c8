import { lmdbStore as realStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { keyOf, type Store, type Write } from '../../../src/storage-node/store/store.ts'
import { type Mutant, ownMutant } from './mutants.ts'

const isRecord = ({ key }: Write) => key.startsWith(keyOf('result'))
const isState = ({ key }: Write) => key.startsWith(keyOf('object'))

type Reads = Pick<Store, 'get' | 'range'>

/** What is read, with writes over it that are not there yet. */
const over = ({ get, range }: Reads, pending: ReadonlyMap<string, Write>): Reads => ({
  get: (key) => (pending.has(key) ? pending.get(key)?.value : get(key)),
  range(prefix, { after, limit }) {
    const merged = new Map<string, Buffer | undefined>(
      range(prefix, { ...(after !== undefined && { after }), limit: limit + pending.size }),
    )
    for (const { key, value } of pending.values())
      if (key.startsWith(prefix) && (after === undefined || key > after)) merged.set(key, value)
    return [...merged]
      .flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
  },
})

/** Says at once that a commit is done, and does it a while later. */
const earlyReply = <S extends Store>(real: S): S => {
  const pending = new Map<string, Write>()
  const timer = setInterval(() => {
    const writes = [...pending.values()]
    void real.commit(writes).then(() => {
      for (const write of writes) if (pending.get(write.key) === write) pending.delete(write.key)
    })
  }, 5)
  return {
    ...real,
    ...over(real, pending),
    async snapshot() {
      const snapshot = await real.snapshot()
      return { ...snapshot, ...over(snapshot, new Map(pending)) }
    },
    commit(writes) {
      for (const write of writes) pending.set(write.key, write)
      return Promise.resolve()
    },
    close() {
      clearInterval(timer)
      return real.close()
    },
  }
}

const mutate = <S extends Store>(mutant: Mutant, real: S): S => {
  switch (mutant) {
    case 'no-record':
      return { ...real, commit: (writes) => real.commit(writes.filter((write) => !isRecord(write))) }
    case 'apart':
      return {
        ...real,
        async commit(writes) {
          await real.commit(writes.filter(isState))
          await real.commit(writes.filter((write) => !isState(write)))
        },
      }
    case 'early-reply':
      return earlyReply(real)
    case 'ignored-error':
      return { ...real, commit: (writes) => real.commit(writes).catch(() => undefined) }
    case 'in-place':
    case 'second-move':
      return real
  }
}

export const lmdbStore: typeof realStore = async (...args) => mutate(ownMutant(), await realStore(...args))
