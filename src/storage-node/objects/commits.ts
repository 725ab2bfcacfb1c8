import type { CommitQueue, Queued } from '../store/commit-queue.ts'
import { keyOf, partsOf, type Write } from '../store/store.ts'
import { copySpace } from './copy-space.ts'
import type { Declarations } from './declarations.ts'
import type { Declared } from './declared.ts'
import type { Draft } from './draft.ts'
import { nameOf } from './names.ts'
import { recordKey } from './record.ts'
import type { RunningCall } from './running-call.ts'
import { letGo } from './uses.ts'

export interface CommitsOptions {
  readonly queue: CommitQueue
  /** The types of this host, by name. */
  readonly declared: (type: string) => Declared
  readonly declarations: Declarations
  /** Told of a space that is no longer used. */
  readonly sweep: (space: string) => void
  /** Told of an object that is no longer here, or another one under its name. */
  readonly gone: (object: string) => void
  /** Told of content that one reference less leads to. */
  readonly letGoOf: (hashes: readonly string[]) => void
}

const RECORDS = keyOf('object')

/** Commits what turns have changed, all or nothing, and what follows from it once that is on disk. */
export const createCommits = ({ queue, declared, declarations, sweep, gone, letGoOf }: CommitsOptions) => {
  /** The last commit of each object that is on its way to the disk. */
  const underWay = new Map<string, Promise<void>>()
  const entered = (objects: readonly string[], durable: Promise<void>) => {
    for (const object of objects) underWay.set(object, durable)
    return () => {
      for (const object of objects) if (underWay.get(object) === durable) underWay.delete(object)
    }
  }
  /** The objects that a commit changes: the called one, and others whose records are in it, such as a new version. */
  const changedBy = ({ call }: RunningCall, writes: readonly Write[]): readonly string[] => {
    const own = recordKey(call.type, call.object)
    const others = writes.filter(({ key }) => key.startsWith(RECORDS) && key !== own)
    return [nameOf(call), ...others.map(({ key }) => partsOf(key).slice(1).join('/'))]
  }
  return {
    /** @throws `invalid-argument` where the state is not as its type declares */
    async commit(running: RunningCall, draft: Draft, generation: number): Promise<Queued> {
      const { name } = draft.type
      if (!draft.deleted && !draft.beside) declared(name).checkState(draft.state)
      const changes = await draft.changes(
        (bytes) => running.content.put(bytes),
        (from, changed) => copySpace(queue, from, changed, sweep),
      )
      const writes = changes.length === 0 ? changes : [...changes, ...declarations.pending(name)]
      const queued = await queue.commitWithRoom(writes, generation)
      if (writes.length > 0) {
        const released = letGo(writes)
        // Told at once and again when it is so: a reader that began before may still read it.
        letGoOf(released)
        const forget = entered(changedBy(running, writes), queued.durable)
        queued.durable.then(() => {
          forget()
          declarations.recorded(name)
          for (const act of draft.afterwards) act()
          letGoOf(released)
          if (draft.before === undefined || (!draft.deleted && draft.space === draft.before.space)) return
          gone(nameOf(running.call))
          sweep(draft.before.space)
        }, forget)
        if (draft.lost !== undefined) queued.durable.catch(draft.lost)
      }
      return queued
    },
    /** Comes when no commit of the object is on its way. */
    async settled(object: string): Promise<void> {
      await underWay.get(object)?.catch(() => undefined)
    },
  }
}
