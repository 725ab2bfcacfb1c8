import { failure } from '../../../src/core/errors.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { checkKeys, type Store, type Write } from '../../../src/storage-node/store/store.ts'
import type { Draws } from './draws.ts'
import { createFiles, type Files } from './files.ts'
import type { Life } from './life.ts'

/** The disk of one machine: it outlives the processes of the machine, but for what they have not synced. */
export interface Disk {
  readonly files: Files
  /** Of the store, what is synced. */
  readonly rows: Map<string, Buffer>
  /** Why it takes no writes now, as the file system says it. */
  refusal: 'ENOSPC' | 'EIO' | undefined
  /** Times of one operation. */
  slowness: number
  ioMs(): number
  /** The power is lost. */
  lose(): void
}

export const createDisk = (draws: Draws): Disk => {
  const files = createFiles()
  for (const folder of ['/data/content', '/adopt', '/backups']) files.makeFolders(folder)
  // What was there before the run is on disk.
  for (const folder of ['/', '/data', '/adopt', '/backups']) files.folder(folder).synced = new Map(files.folder(folder).entries)
  const disk: Disk = {
    files,
    rows: new Map(),
    refusal: undefined,
    slowness: 1,
    ioMs: () => disk.slowness * (draws.chance(0.05) ? draws.between(1, 30) : draws.between(0.05, 2)),
    lose: () => files.lose(draws),
  }
  return disk
}

/** A store that also gives copies of itself. */
export interface DiskStore extends Store {
  backup(toFolder: string): Promise<void>
}

/** Rows as a store of a process of their own: for checks, beside all simulated time. */
export const storeOver = (rows: ReadonlyMap<string, Buffer>): Store => {
  const store = memoryStore()
  void store.commit(Array.from(rows, ([key, value]) => ({ key, value })))
  return store
}

/**
 * What a process sees of the store on its disk. A commit is applied and synced in one instant, between its call and its
 * answer; where the process dies before that instant, nothing of it is left.
 */
export const diskStore = (life: Life, disk: Disk): DiskStore => {
  const visible = storeOver(disk.rows)
  interface Waiting {
    readonly writes: readonly Write[]
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }
  let waiting: Waiting[] = []
  let writing = false
  const refusal = () =>
    disk.refusal === 'ENOSPC'
      ? failure('read-only', 'a write failed: no space left on device; make space on its disk, the node then goes on by itself')
      : failure('storage-failed', 'a write failed: i/o error')
  const apply = async (writes: readonly Write[]) => {
    if (disk.refusal !== undefined) throw refusal()
    for (const { key, value } of writes) {
      if (value === undefined) disk.rows.delete(key)
      else disk.rows.set(key, value)
    }
    await visible.commit(writes)
  }
  const writeAll = async () => {
    writing = true
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      await life.pause(disk.ioMs(), `commit ${group.length}`)
      try {
        await apply(group.flatMap(({ writes }) => writes))
        await life.pause(disk.ioMs() / 4, 'committed')
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    writing = false
  }
  return {
    ...visible,
    async commit(writes) {
      checkKeys(writes)
      await new Promise<void>((resolve, reject) => {
        waiting.push({ writes, resolve, reject })
        if (!writing) void writeAll()
      })
    },
    async snapshot() {
      await life.pause(life.draws.between(0, 0.2), 'snapshot')
      return visible.snapshot()
    },
    async backup(toFolder) {
      await life.pause(disk.ioMs(), `copy of the store`)
      if (disk.refusal !== undefined) throw refusal()
      const rows = new Map(disk.rows)
      await life.pause(disk.ioMs() * 4, `copy of the store synced`)
      disk.files.makeFolders(toFolder)
      const made = disk.files.make(`${toFolder}/data.mdb`, life.wall())
      made.rows = rows
      for (const folder of [toFolder]) disk.files.folder(folder).synced = new Map(disk.files.folder(folder).entries)
    },
  }
}
