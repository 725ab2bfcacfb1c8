import { ObjectRef } from '../../../src/core/object-ref.ts'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { withCall } from '../../../src/core/remote.ts'
import { directory, type NamedAlias } from '../../../src/objects/directory.ts'
import { checkModel, refusals } from '../checks.ts'
import { createHistory, isAnswered } from '../history.ts'
import { type AliasAsked, aliasModel } from '../models.ts'
import { counter } from '../objects.ts'
import { createNames, type MakeWorkload, type Session } from '../workload.ts'

type Answer = string | boolean | null
const NAMES = ['ada', 'bob', 'cyd'] as const

const shown = (alias: NamedAlias | null): string | null => (alias === null ? null : `${alias.target.id}@${alias.revision}`)

/** Names that are set, renamed and removed by many, with revisions to compare: a directory as a whole is linearizable. */
export const aliases: MakeWorkload = (clock) => {
  const history = createHistory<AliasAsked, Answer>(clock)
  const directories = createNames('directory', { atOnce: 1, calls: 250 })
  let targets = 0
  const perform = (session: Session, object: string, asked: AliasAsked) =>
    session.perform<AliasAsked, Answer>({
      history,
      object,
      asked,
      changes: asked.method !== 'get',
      async run(client, options) {
        // The keys are this run's own, so that a change can be repeated after a restart: not the client's, which are new each time.
        const remote = withCall(client.object(directory, object), options)
        const expected = 'expected' in asked && asked.expected !== undefined ? { expected: asked.expected } : {}
        try {
          switch (asked.method) {
            case 'get':
              return shown(await remote.get(asked.name))
            case 'set':
              return shown(await remote.set(asked.name, new ObjectRef(counter.name, asked.target, 'one'), expected))
            case 'rename':
              return shown(await remote.rename(asked.name, asked.to))
            case 'remove':
              return await remote.remove(asked.name, expected)
          }
        } catch (error) {
          if (isActiveStorageError(error, 'version-mismatch')) return `mismatch ${error.details.actual}`
          if (isActiveStorageError(error, 'not-found') || isActiveStorageError(error, 'already-exists')) return error.code
          throw error
        }
      },
    })
  return {
    name: 'aliases',
    callers: 1,
    async step(session) {
      const { draws } = session
      const object = directories.pick(draws)
      const name = NAMES[draws.below(NAMES.length)]!
      const choice = draws.below(8)
      if (choice === 0) {
        await perform(session, object, { method: 'rename', name, to: NAMES[draws.below(NAMES.length)]! })
        return
      }
      const entry = await perform(session, object, { method: 'get', name })
      if (!isAnswered(entry) || choice < 4) return
      const { answer } = entry.outcome
      const expected = typeof answer === 'string' ? Number(answer.slice(answer.lastIndexOf('@') + 1)) : 0
      const compared = draws.below(3) === 0 ? {} : { expected }
      if (choice === 4) await perform(session, object, { method: 'remove', name, ...compared })
      else await perform(session, object, { method: 'set', name, target: `t${++targets}`, ...compared })
    },
    async audit(session) {
      for (const object of directories.all()) for (const name of NAMES) await perform(session, object, { method: 'get', name })
    },
    check() {
      const checked = checkModel(aliasModel, history.entries, ({ method }) => method === 'get')
      return { ...checked, findings: [...refusals(history.entries), ...checked.findings] }
    },
  }
}
