import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { withCall } from '../../../src/core/remote.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { refusals } from '../checks.ts'
import { createHistory, isAnswered } from '../history.ts'
import { type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'

type Asked = { readonly adopt: string } | { readonly put: string } | { readonly read: string } | { readonly delete: true }

const FOLDERS = 12
const FILES = 4
const MOST_BYTES = 20_000

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const bytesOf = (name: string): Buffer => {
  const key = createHash('sha256').update(name).digest()
  const length = 100 + (key.readUInt16BE() % MOST_BYTES)
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

/**
 * Data sets that adopt, keep and drop the same files again and again, each set by one caller: what a set refers to can
 * be read with its bytes, however much of it others let go of and collections remove.
 */
export const adoptions: MakeWorkload = (clock, folder) => {
  const history = createHistory<Asked, string | number | boolean>(clock)
  const found: Finding[] = []
  interface Own {
    readonly object: string
    /** The samples that must be there, by id: the hash of their bytes. */
    readonly samples: Map<string, string>
  }
  const current = new Map<number, Own>()
  const kept: Own[] = []
  let sets = 0
  const folders = new Map<number, Promise<string>>()

  const filesOf = (index: number) => Array.from({ length: FILES }, (_, file) => `${index}-${file}.png`)
  const written = (index: number): Promise<string> => {
    const known = folders.get(index)
    if (known !== undefined) return known
    const path = join(folder, `set-${index}`)
    const making = mkdir(path, { recursive: true })
      .then(() => Promise.all(filesOf(index).map((name) => writeFile(join(path, name), bytesOf(name)))))
      .then(() => path)
    folders.set(index, making)
    return making
  }
  const perform = (session: Session, { object }: Own, asked: Asked) =>
    session.perform<Asked, string | number | boolean>({
      history,
      object,
      asked,
      changes: !('read' in asked),
      repeat: 'delete' in asked ? 'once' : 'must',
      async run(client, options) {
        const set = withCall(client.object(dataset, object), options)
        if ('adopt' in asked) return (await set.adopt(asked.adopt)).added
        if ('put' in asked) return (await set.put([{ id: `kept-${asked.put}`, bytes: bytesOf(asked.put) }])).count
        if ('delete' in asked) return client.objects.delete(dataset, object)
        try {
          return hashOf(await set.read(asked.read))
        } catch (error) {
          if (['not-found', 'missing-inputs', 'content-changed'].some((code) => isActiveStorageError(error) && error.code === code))
            return isActiveStorageError(error) ? error.code : ''
          throw error
        }
      },
    })
  const readOne = async (session: Session, own: Own, id: string) => {
    const entry = await perform(session, own, { read: id })
    if (!isAnswered(entry) || entry.outcome.answer === own.samples.get(id)) return
    const kind = entry.outcome.answer === 'content-changed' ? 'torn' : 'lost'
    const before = history.entries.filter(({ object }) => object === own.object).slice(-6)
    found.push(finding(kind, own.object, `${id} has not the bytes that were adopted or kept`, before))
  }
  const fresh = (caller: number): Own => {
    const own: Own = { object: `set-${caller}-${++sets}`, samples: new Map() }
    current.set(caller, own)
    return own
  }

  return {
    name: 'adoptions',
    callers: 1,
    async step(session) {
      const { draws, caller } = session
      const own = current.get(caller) ?? fresh(caller)
      const choice = draws.below(8)
      const index = draws.below(FOLDERS)
      const ids = [...own.samples.keys()]
      if (choice < 2) {
        const entry = await perform(session, own, { adopt: await written(index) })
        if (isAnswered(entry)) for (const name of filesOf(index)) own.samples.set(name, hashOf(bytesOf(name)))
      } else if (choice === 2) {
        const name = filesOf(index)[draws.below(FILES)]!
        const entry = await perform(session, own, { put: name })
        if (isAnswered(entry)) own.samples.set(`kept-${name}`, hashOf(bytesOf(name)))
      } else if (choice === 3 && ids.length > 2 * FILES) {
        if (draws.below(3) === 0) kept.push(own)
        else await perform(session, own, { delete: true })
        fresh(caller)
      } else if (ids.length > 0) await readOne(session, own, ids[draws.below(ids.length)]!)
    },
    async audit(session) {
      for (const own of [...kept, ...current.values()]) for (const id of own.samples.keys()) await readOne(session, own, id)
    },
    check() {
      const done = (key: string) => history.entries.filter(({ asked, outcome }) => key in asked && outcome.kind === 'acknowledged').length
      return {
        findings: [...found, ...refusals(history.entries)],
        objects: sets,
        linearizable: 0,
        counts: { adoptions: done('adopt'), 'sets deleted': done('delete') },
      }
    },
  }
}
