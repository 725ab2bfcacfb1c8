import { createCipheriv, createHash } from 'node:crypto'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import type { Draws } from '../../../src/core/random.ts'
import { withCall } from '../../../src/core/remote.ts'
import { checkModel } from '../checks.ts'
import { createHistory, type Entry, isAnswered } from '../history.ts'
import { type RegisterAsked, registerModel } from '../models.ts'
import { blob } from '../objects.ts'
import { readRestored } from '../restored.ts'
import { createNames, type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'

const LEAST = 100 * 1024
const MOST = 4 * 1024 * 1024
/** Content is never removed, so new bytes are made up to here, and kept again after that. */
const DISK = 1024 ** 3

type Asked = { readonly keep: string; readonly hash: string; readonly bytes: number } | { readonly read: 'all' }
/** The hash of what was kept; or the tag read, and the hash of the bytes that came with it. */
type Answer = string | { readonly tag: string | null; readonly hash: string | null }

interface Content {
  readonly seed: number
  readonly bytes: number
}

/** Bytes that no compression and no luck makes equal: a key stream. */
const bytesOf = ({ seed, bytes }: Content): Buffer => {
  const key = createHash('sha256').update(`content ${seed}`).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Blobs kept by content: read back whole, and never older than what was acknowledged. */
export const blobs: MakeWorkload = (clock) => {
  const history = createHistory<Asked, Answer>(clock)
  const names = createNames('blob', { atOnce: 6, calls: 40 })
  const contents: Content[] = []
  const hashes = new Map<string, string>()
  let disk = 0
  let kept = 0

  const contentFor = (draws: Draws): Content => {
    // Now and then the same bytes again, at the same time perhaps as another caller.
    const again = contents[Math.max(0, contents.length - 1 - draws.below(4))]
    if (again !== undefined && (disk > DISK || draws.below(4) === 0)) return again
    const made = { seed: contents.length, bytes: Math.round(LEAST * (MOST / LEAST) ** draws.uniform()) }
    contents.push(made)
    disk += made.bytes
    return made
  }
  const read = (session: Session, object: string, into = history) =>
    session.perform<Asked, Answer>({
      history: into,
      object,
      asked: { read: 'all' },
      changes: false,
      ...(into !== history && { repeat: 'must' }),
      run: async (client, options) => {
        try {
          const { tag, bytes } = await withCall(client.object(blob, object), options).read()
          return { tag, hash: bytes === null ? null : hashOf(bytes) }
        } catch (error) {
          // Made by its first bytes.
          if (isActiveStorageError(error, 'not-found')) return { tag: null, hash: null }
          throw error
        }
      },
    })

  const checkBytes = (entries: readonly Entry<Asked, Answer>[]): Finding[] =>
    entries.flatMap((entry) => {
      const { asked, object, outcome } = entry
      if (outcome.kind === 'failed') {
        const kind = outcome.code === 'content-changed' ? 'torn' : outcome.code === 'missing-inputs' ? 'lost' : 'refused'
        return [finding(kind, object, `a call was refused: ${outcome.code}`, [entry])]
      }
      if (!isAnswered(entry)) return []
      const { answer } = entry.outcome
      if (typeof answer === 'string')
        return 'keep' in asked && answer !== asked.hash ? [finding('torn', object, 'kept under the hash of other bytes', [entry])] : []
      return answer.tag !== null && answer.hash !== hashes.get(answer.tag)
        ? [finding('torn', object, `the bytes of ${answer.tag} are not those that it was kept with`, [entry])]
        : []
    })
  /** The tags alone: a register. */
  const checkTags = (entries: readonly Entry<Asked, Answer>[]) =>
    checkModel(
      registerModel,
      entries.map(({ asked, outcome, ...rest }): Entry<RegisterAsked, string | boolean | null> => ({
        ...rest,
        asked: 'keep' in asked ? { method: 'write', value: asked.keep } : { method: 'read' },
        outcome:
          outcome.kind === 'acknowledged'
            ? { kind: 'acknowledged', answer: typeof outcome.answer === 'string' ? null : outcome.answer.tag }
            : outcome,
      })),
      ({ method }) => method === 'read',
    )
  return {
    name: 'blobs',
    callers: 1,
    async step(session) {
      const object = names.pick(session.draws)
      if (session.draws.below(2) === 0) {
        await read(session, object)
        return
      }
      const content = contentFor(session.draws)
      const bytes = bytesOf(content)
      const tag = `${session.caller}.${++kept}`
      const hash = hashOf(bytes)
      hashes.set(tag, hash)
      await session.perform<Asked, Answer>({
        history,
        object,
        asked: { keep: tag, hash, bytes: content.bytes },
        changes: true,
        run: (client, options) => withCall(client.object(blob, object), options).keep(tag, bytes),
      })
    },
    async audit(session) {
      for (const object of names.all()) await read(session, object)
    },
    restored: (session) =>
      readRestored({
        clock,
        history,
        objects: names.recent(),
        read: (object, into) => read(session, object, into),
        check: (_, entries) => [...checkBytes(entries), ...checkTags(entries).findings],
      }),
    check() {
      const checked = checkTags(history.entries)
      return { ...checked, findings: [...checkBytes(history.entries), ...checked.findings] }
    },
  }
}
