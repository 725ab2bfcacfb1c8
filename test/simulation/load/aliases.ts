import { isActiveStorageError } from '../../../src/core/errors.ts'
import { ObjectRef } from '../../../src/core/object-ref.ts'
import type { Value } from '../../../src/core/value.ts'
import { callOf, codeOf, count, type Hand, pause } from './world.ts'

/** What one alias is known to be. Its one owner makes one call after the other, so there is no doubt but for time. */
interface Known {
  readonly target: string
  readonly revision: number
  /** The alias ends between these moments. */
  readonly ends?: { readonly earliest: number; readonly latest: number }
}

/** The time of a process may be off by the time of a message, and by the part of a ms that clocks do not show. */
const SLACK_MS = 5

/** Uses one alias of one site for as long as the load lasts: sets, reads, removes, with a time to live or without. */
export const ownAlias = async (hand: Hand, site: string, alias: string): Promise<void> => {
  const { world, caller, draws } = hand
  const { scheduler, model } = world
  let known: Known | undefined
  const ask = (method: string, kind: 'stateful' | 'readonly', args: readonly Value[], key?: string) =>
    caller
      .from(site)
      .call(
        callOf(caller, ['directory', 'main', method], kind, args, { budgetMs: 5000, ...(key !== undefined && { idempotencyKey: key }) }),
      )
  /** Repeats a change until it is answered; undefined where that never happens. */
  const settled = async (method: string, args: readonly Value[]): Promise<Value> => {
    const key = hand.newEntry()
    for (let tried = 0; tried < 30; tried++) {
      try {
        return await ask(method, 'stateful', args, key)
      } catch (error) {
        if (isActiveStorageError(error, 'version-mismatch')) throw error
        codeOf(world, `directory/main.${method}(${alias}) at ${site}`, error)
        await pause(hand, draws.between(100, 2000))
      }
    }
    return undefined
  }
  const shown = (value: Value) => (value === null ? 'nothing' : JSON.stringify(value))
  const check = (found: Value, began: number) => {
    const { now } = scheduler
    const { target: wanted, revision, ends } = known ?? {}
    const mayBeGone = known === undefined || (ends !== undefined && now >= ends.earliest - SLACK_MS)
    const mayBeThere = known !== undefined && (ends === undefined || began <= ends.latest + SLACK_MS)
    if (found === null) {
      if (!mayBeGone)
        model.find(
          `lost: alias ${alias} at ${site} stands for nothing at ${now}, and was to stand for ${wanted} until ${ends?.earliest ?? 'it is removed'}`,
        )
      return
    }
    const alive = found as { readonly target: ObjectRef; readonly revision: number }
    if (!mayBeThere)
      model.find(
        `stale: alias ${alias} at ${site} stands for ${shown(found)} at ${now}, and was to be gone at ${ends?.latest ?? 'its removal'}`,
      )
    else if (alive.target.id !== wanted || alive.revision !== revision)
      model.find(`wrong: alias ${alias} at ${site} stands for ${shown(found)}, and was set to ${wanted} as revision ${revision}`)
  }

  while (!world.over) {
    await pause(hand, draws.between(200, 3000))
    const began = scheduler.now
    if (draws.chance(0.3)) {
      const target = `t${draws.below(1000)}`
      const ttlMs = draws.chance(0.6) ? draws.pick([500, 3000, 20_000, 3_600_000]) : undefined
      const made = await settled('set', [alias, new ObjectRef('log', target, site), ttlMs === undefined ? {} : { ttlMs }])
      if (made === undefined) return
      const { revision } = made as { readonly revision: number }
      if (known !== undefined && revision <= known.revision)
        model.find(`alias ${alias} at ${site}: revision ${revision} after ${known.revision}`)
      known = { target, revision, ...(ttlMs !== undefined && { ends: { earliest: began + ttlMs, latest: scheduler.now + ttlMs } }) }
      count(world, 'alias set')
    } else if (draws.chance(0.1)) {
      if ((await settled('remove', [alias])) === undefined) return
      known = undefined
    } else {
      try {
        check(await ask('get', 'readonly', [alias]), began)
        count(world, 'alias read')
      } catch (error) {
        codeOf(world, `directory/main.get(${alias}) at ${site}`, error)
      }
    }
  }
}
