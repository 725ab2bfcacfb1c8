import { isActiveStorageError } from '../../../src/core/errors.ts'
import { withCall } from '../../../src/core/remote.ts'
import { checkEach, refusals } from '../checks.ts'
import { createHistory } from '../history.ts'
import { log, relay } from '../objects.ts'
import { createNames, type MakeWorkload, type Session } from '../workload.ts'
import { checkLog, type LogAnswer, type LogAsked } from './logs.ts'

/**
 * Items appended without an idempotency key, by calls that a method makes at another node: each at most once, and once
 * where it was acknowledged.
 */
export const unkeyed: MakeWorkload = (clock) => {
  const history = createHistory<LogAsked, LogAnswer>(clock)
  const names = createNames('unkeyed', { atOnce: 3, calls: 120 })
  let items = 0
  const read = (session: Session, object: string, how: 'all' | 'audit') =>
    session.perform<LogAsked, LogAnswer>({
      history,
      object,
      asked: { read: how },
      changes: false,
      ...(how === 'audit' && { repeat: 'must' }),
      run: async (client, options) => {
        try {
          return await withCall(client.object(log, object, { at: 'two' }), options).read()
        } catch (error) {
          if (isActiveStorageError(error, 'not-found')) return []
          throw error
        }
      },
    })
  return {
    name: 'unkeyed',
    callers: 2,
    nodes: 2,
    async step(session) {
      const object = names.pick(session.draws)
      if (session.draws.below(4) === 0) {
        await read(session, object, 'all')
        return
      }
      const append = `${session.caller}.${++items}`
      const nested = session.draws.below(2) === 0
      await session.perform<LogAsked, LogAnswer>({
        history,
        object,
        asked: { append },
        changes: true,
        keyed: false,
        repeat: 'once',
        run: (client, options) =>
          nested
            ? withCall(client.object(relay, object, { at: 'one' }), options).append(object, append)
            : withCall(client.object(log, object, { at: 'two' }), options).append(append),
      })
    },
    async audit(session) {
      for (const object of names.all()) await read(session, object, 'audit')
    },
    check() {
      const { findings, objects } = checkEach(history.entries, checkLog)
      return { findings: [...refusals(history.entries), ...findings], objects, linearizable: 0 }
    },
  }
}
