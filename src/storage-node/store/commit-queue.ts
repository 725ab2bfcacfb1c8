import { type ActiveStorageError, failure, failureWith, isActiveStorageError, toFailure } from '../../core/errors.ts'
import { bytesOf, newerOver, pagesOf, type PendingWrites, pendingWrites } from './pending-writes.ts'
import { checkKeys, keyOf, type Store, type Write } from './store.ts'

export interface CommitQueueOptions {
  /**
   * Bytes on their way to the disk, from which on `room()` waits: 64 MiB. It bounds memory, and what a turn that does not
   * wait for `durable` can lose: never more than twice as much, for a commit beyond that is refused.
   */
  readonly maxPendingBytes?: number
  /** How soon, and at the latest how often, a disk that took no writes is tried again. Default 100 ms, 5 s. */
  readonly probeMs?: { readonly first: number; readonly most: number }
  /** Told when the disk takes no more writes, and when it does again. */
  readonly onHealth?: (health: StoreHealth) => void
}

export type StoreHealth = { readonly writable: true } | { readonly writable: false; readonly why: ActiveStorageError }

/** A commit that all later reads see. */
export interface Queued {
  /** Resolves when it is on disk; rejects when it is lost. Nobody has to listen. */
  readonly durable: Promise<void>
}

/** The store as turns see it: the last durable commit and, over it, what is on its way to the disk. */
export interface CommitQueue extends Pick<Store, 'get' | 'range'> {
  /**
   * Queues writes, all or nothing, in the order of the calls. No writes are a commit too: it is durable when all is that
   * it can have read.
   * @param generation what `generation` was when the turn began
   * @throws at once, having queued nothing: `storage-failed` where the turn may have read what has been lost since;
   * `read-only`; `overloaded` for one that did not wait for room; `too-large`; `unavailable` after `close`
   */
  commit(writes: readonly Write[], generation: number): Queued
  /**
   * The same for a commit of any size: where it has no room now it waits for it, and turns that begin later wait behind it.
   * @throws as `commit` does
   */
  commitWithRoom(writes: readonly Write[], generation: number): Promise<Queued>
  /** Rises when a commit is lost: whoever read under an older one may have read what is no more. */
  readonly generation: number
  readonly health: StoreHealth
  readonly pendingBytes: number
  /** Resolves when there is room for another commit. */
  room(): Promise<void>
  /** Resolves when all that is queued by now is on disk; rejects when it is lost. */
  flush(): Promise<void>
  /** Writes what is queued, and takes no more. The store stays open. */
  close(): Promise<void>
}

interface Batch extends Queued {
  readonly writes: PendingWrites
  readonly resolve: () => void
  readonly reject: (error: ActiveStorageError) => void
}

const newBatch = (): Batch => {
  let [resolve, reject] = [() => {}, (_: ActiveStorageError) => {}]
  const durable = new Promise<void>((settle, refuse) => ([resolve, reject] = [settle, refuse]))
  durable.catch(() => undefined) // nobody has to listen
  return { writes: pendingWrites(), durable, resolve, reject }
}

const PROBE: Write = { key: keyOf('probe'), value: Buffer.alloc(1) }

/**
 * Lets turns go on while their commits are on the way to the disk. While one batch is being written the next gathers;
 * of the writes of one key in a batch the last counts. A batch that fails takes with it all that was queued after it.
 */
export const createCommitQueue = (store: Store, options: CommitQueueOptions = {}): CommitQueue => {
  const { maxPendingBytes = 64 * 1024 ** 2, probeMs = { first: 100, most: 5000 }, onHealth } = options
  let generation = 0
  let health: StoreHealth = { writable: true }
  const become = (next: StoreHealth) => {
    health = next
    onHealth?.(next)
  }
  let gathering = newBatch()
  let writing: Batch | undefined
  let closed = false
  const pendingBytes = () => gathering.writes.bytes + (writing?.writes.bytes ?? 0)

  let [settled, tellSettled] = [Promise.resolve(), () => {}]
  const nextSettled = () => {
    tellSettled()
    settled = new Promise((resolve) => (tellSettled = resolve))
  }
  nextSettled()

  let probing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  const probeIn = (ms: number) => {
    timer = setTimeout(() => {
      probing = probe(ms)
    }, ms)
    timer.unref()
  }
  const probe = async (ms: number) => {
    try {
      await store.commit([PROBE])
      become({ writable: true })
    } catch {
      if (!closed) probeIn(Math.min(ms * 2, probeMs.most))
    }
  }

  const lose = (error: unknown, own: Batch) => {
    const cause = toFailure(error, 'storage-failed')
    const after = gathering
    writing = undefined
    gathering = newBatch()
    generation++
    if (isActiveStorageError(cause, 'read-only')) {
      become({ writable: false, why: cause })
      if (!closed) probeIn(probeMs.first)
    }
    own.reject(cause)
    after.reject(
      isActiveStorageError(cause, 'read-only')
        ? cause
        : failure(
            'storage-failed',
            `a commit before this one was lost, and what this one read with it (${cause.text}): repeat the call`,
            cause,
          ),
    )
    nextSettled()
  }
  const write = async () => {
    while (gathering.writes.size > 0) {
      const batch = gathering
      writing = batch
      gathering = newBatch()
      try {
        await store.commit(batch.writes.list())
      } catch (error) {
        lose(error, batch)
        continue
      }
      writing = undefined
      batch.resolve()
      nextSettled()
    }
    running = undefined
  }
  // Begun a moment later, so that all commits of this moment are in one batch.
  let running: Promise<void> | undefined
  const start = () => {
    running ??= Promise.resolve().then(write)
  }
  const sizeOf = (writes: readonly Write[]) => writes.reduce((sum, { key, value }) => sum + bytesOf(key, value), 0)
  /** Alone a commit may be of any size. */
  const fits = (bytes: number) => pendingBytes() === 0 || pendingBytes() + bytes <= 2 * maxPendingBytes
  /** The last large commit that waits for room: a stream of small ones would never leave it any. */
  let large: Promise<void> | undefined
  const lastQueued = () => (gathering.writes.size > 0 ? gathering.durable : (writing?.durable ?? Promise.resolve()))

  const commit: CommitQueue['commit'] = (writes, begun) => {
    if (closed) throw failure('unavailable', 'the node is stopping and takes no more writes')
    if (!health.writable) throw failure('read-only', `no writes until the disk takes them again: ${health.why.text}`, health.why)
    if (begun !== generation)
      throw failure('storage-failed', 'commits were lost while this turn ran, and it may have read them: repeat the call')
    if (writes.length === 0) return { durable: lastQueued() }
    checkKeys(writes)
    const bytes = sizeOf(writes)
    if (!fits(bytes)) {
      throw failureWith('overloaded', `${pendingBytes()} bytes wait for the disk, and ${bytes} more are too many: repeat the call`, {
        retryAfterMs: 100,
      })
    }
    for (const one of writes) gathering.writes.add(one)
    start()
    return { durable: gathering.durable }
  }

  return {
    get(key) {
      if (gathering.writes.has(key)) return gathering.writes.get(key)
      if (writing?.writes.has(key) === true) return writing.writes.get(key)
      return store.get(key)
    },
    range(prefix, { after, limit }) {
      if (gathering.writes.size === 0 && writing === undefined) return store.range(prefix, { ...(after !== undefined && { after }), limit })
      const found: (readonly [string, Buffer])[] = []
      const older = newerOver(writing?.writes.entries(prefix, after) ?? [], pagesOf(store, prefix, after, limit))
      if (limit > 0) {
        for (const [key, value] of newerOver(gathering.writes.entries(prefix, after), older)) {
          if (value !== undefined && found.push([key, value]) >= limit) break
        }
      }
      return found
    },
    commit,
    async commitWithRoom(writes, begun) {
      const bytes = sizeOf(writes)
      if (fits(bytes)) return commit(writes, begun)
      const before = large
      let done = () => {}
      const own = new Promise<void>((resolve) => (done = resolve))
      large = own
      try {
        await before
        // A disk that takes nothing any more is told of by the commit.
        while (!fits(bytes) && health.writable && !closed && begun === generation) await settled
        return commit(writes, begun)
      } finally {
        if (large === own) large = undefined
        done()
      }
    },
    get generation() {
      return generation
    },
    get health() {
      return health
    },
    get pendingBytes() {
      return pendingBytes()
    },
    async room() {
      while (large !== undefined || pendingBytes() >= maxPendingBytes) await (large ?? settled)
    },
    flush: async () => lastQueued(),
    async close() {
      closed = true
      clearTimeout(timer)
      await running
      await probing
    },
  }
}
