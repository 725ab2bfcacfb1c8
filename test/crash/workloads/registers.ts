import { isActiveStorageError } from '../../../src/core/errors.ts'
import { type Remote, withCall } from '../../../src/core/remote.ts'
import { checkModel, refusals } from '../checks.ts'
import { createHistory, isAnswered } from '../history.ts'
import { type RegisterAsked, registerModel } from '../models.ts'
import { register } from '../objects.ts'
import { readRestored } from '../restored.ts'
import { createNames, type MakeWorkload, type Session } from '../workload.ts'

type Answer = string | boolean | null

type Compare = (remote: Remote<typeof register>, expected: string | null, value: string) => Promise<boolean>

/** Few registers under many callers, with compare-and-set: their histories, kills and all, are linearizable. */
const registersWith =
  (name: string, compareAndSet: Compare): MakeWorkload =>
  (clock) => {
    const history = createHistory<RegisterAsked, Answer>(clock)
    const names = createNames(name, { atOnce: 2, calls: 250 })
    const written = new Map<number, number>()
    /** A value that no other call writes. */
    const valueOf = ({ caller }: Session) => {
      const count = (written.get(caller) ?? 0) + 1
      written.set(caller, count)
      return `${caller}.${count}`
    }
    const perform = (session: Session, object: string, asked: RegisterAsked, into = history) =>
      session.perform<RegisterAsked, Answer>({
        history: into,
        object,
        asked,
        changes: asked.method !== 'read',
        ...(into !== history && { repeat: 'must' }),
        run: async (client, options) => {
          const remote = withCall(client.object(register, object), options)
          switch (asked.method) {
            case 'write':
              return remote.write(asked.value)
            case 'compareAndSet':
              return compareAndSet(remote, asked.expected, asked.value)
            case 'read':
              try {
                return await remote.read()
              } catch (error) {
                // Made by its first write.
                if (isActiveStorageError(error, 'not-found')) return null
                throw error
              }
          }
        },
      })
    return {
      name,
      callers: 2,
      async step(session) {
        const object = names.pick(session.draws)
        if (session.draws.below(5) === 0) {
          await perform(session, object, { method: 'write', value: valueOf(session) })
          return
        }
        const entry = await perform(session, object, { method: 'read' })
        if (!isAnswered(entry) || typeof entry.outcome.answer === 'boolean' || session.draws.below(4) === 0) return
        await perform(session, object, { method: 'compareAndSet', expected: entry.outcome.answer, value: valueOf(session) })
      },
      async audit(session) {
        for (const object of names.all()) await perform(session, object, { method: 'read' })
      },
      restored: (session) =>
        readRestored({
          clock,
          history,
          objects: names.recent(),
          read: (object, into) => perform(session, object, { method: 'read' }, into),
          check: (_, entries) => checkModel(registerModel, entries, ({ method }) => method === 'read').findings,
        }),
      check() {
        const checked = checkModel(registerModel, history.entries, ({ method }) => method === 'read')
        return { ...checked, findings: [...refusals(history.entries), ...checked.findings] }
      },
    }
  }

export const registers = registersWith('registers', (remote, expected, value) => remote.compareAndSet(expected, value))

/** An error is an answer too: what it tells of the state is on disk. */
export const demands = registersWith('demands', async (remote, expected, value) => {
  try {
    return await remote.demand(expected, value)
  } catch (error) {
    if (isActiveStorageError(error, 'method-threw')) return false
    throw error
  }
})
