import { isActiveStorageError } from '../../../src/core/errors.ts'
import type { Value } from '../../../src/core/value.ts'
import type { Place } from './log.ts'
import { callOf, changedNothing, codeOf, count, type Hand, isAmbiguous, type Options, pause, type Target } from './world.ts'

/** A keyed call that was answered: asked again, it has to give the same answer. */
export interface Keyed {
  readonly target: Target
  readonly method: string
  readonly args: readonly Value[]
  readonly key: string
  readonly place: Place
}

const placeOf = (value: Value): Place => value as unknown as Place
const TRIES = 8

/** Makes a call that adds one entry; with a key it is repeated until it is answered. */
export const change = async (
  hand: Hand,
  target: Target,
  method: string,
  argsOf: (entry: string) => readonly Value[],
  { keyed, durable = true, budgetMs = hand.draws.between(200, 8000) }: { keyed: boolean; durable?: boolean; budgetMs?: number },
): Promise<Keyed | undefined> => {
  const { world, caller, draws } = hand
  const entry = hand.newEntry()
  const asked = world.model.begun(entry, { keyed, durable, ambiguous: isAmbiguous(world, target) })
  const args = argsOf(entry)
  const options: Options = {
    ...(keyed && { idempotencyKey: entry }),
    ...(!durable && { durability: 'async' as const }),
  }
  const what = `log/${target.name}.${method}(${entry}) at ${target.home}`
  for (let tried = 1; tried <= (keyed ? TRIES : 1); tried++) {
    const giveUp = new AbortController()
    if (draws.chance(0.03)) void world.scheduler.pause(draws.between(0.5, 50), `${hand.name} gives up`).then(() => giveUp.abort())
    try {
      const call = callOf(caller, ['log', target.name, method], 'stateful', args, { ...options, budgetMs, signal: giveUp.signal })
      const place = placeOf(await caller.from(target.home).call(call))
      asked.answered(place)
      count(world, `${method} done`)
      return { target, method, args, key: entry, place }
    } catch (error) {
      const also = method === 'addAndFail' ? (['method-threw'] as const) : method === 'addWith' ? (['call-cycle'] as const) : []
      const code = codeOf(world, what, error, also)
      if (!keyed && changedNothing(code)) asked.refused(code)
      if (tried < TRIES) await pause(hand, draws.between(50, 2000))
    }
  }
  return undefined
}

/** Asks again with the key of a call that was answered: with the same arguments, or with others. */
export const askAgain = async (hand: Hand, { target, method, args, key, place }: Keyed, budgetMs = 8000): Promise<boolean> => {
  const { world, caller } = hand
  const what = `log/${target.name}.${method} at ${target.home}, again with the key ${key}`
  try {
    const call = callOf(caller, ['log', target.name, method], 'stateful', args, { idempotencyKey: key, budgetMs })
    const again = placeOf(await caller.from(target.home).call(call))
    const other = again.log !== place.log || again.position !== place.position
    if (other && (again.log === place.log || !isAmbiguous(world, target)))
      world.model.find(`another answer: ${what}: ${again.log}:${again.position} where it was ${place.log}:${place.position}`)
    count(world, 'asked again')
    return true
  } catch (error) {
    codeOf(world, what, error)
    return false
  }
}

export const askOtherwise = async (hand: Hand, { target, key }: Keyed): Promise<void> => {
  const { world, caller } = hand
  const entry = hand.newEntry()
  const asked = world.model.begun(entry, { keyed: true, durable: true, ambiguous: isAmbiguous(world, target) })
  // It may not be there, and not be answered.
  if (!isAmbiguous(world, target)) asked.refused('invalid-argument')
  const what = `log/${target.name}.add(${entry}) at ${target.home}, with the key ${key} of another call`
  try {
    await caller
      .from(target.home)
      .call(callOf(caller, ['log', target.name, 'add'], 'stateful', [entry], { idempotencyKey: key, budgetMs: 5000 }))
    if (!isAmbiguous(world, target)) world.model.find(`answered: ${what}`)
  } catch (error) {
    if (isActiveStorageError(error, 'invalid-argument')) count(world, 'key of another call refused')
    else codeOf(world, what, error)
  }
}

/** A stream each item of which adds an entry. */
export const changeEach = async (hand: Hand, target: Target): Promise<void> => {
  const { world, caller, draws } = hand
  const entries = Array.from({ length: 1 + draws.below(4) }, () => hand.newEntry())
  const asked = entries.map((entry) => world.model.begun(entry, { keyed: false, durable: true }))
  const leaveAfter = draws.chance(0.3) ? draws.below(entries.length + 1) : Infinity
  let received = 0
  try {
    const call = callOf(caller, ['log', target.name, 'addEach'], 'stateful', [entries], { budgetMs: draws.between(500, 8000) })
    for await (const place of caller.from(target.home).stream(call)) {
      asked[received++]?.answered(placeOf(place))
      if (received >= leaveAfter) break
    }
    count(world, 'addEach done')
  } catch (error) {
    // A stream that has begun does not follow its log.
    codeOf(world, `log/${target.name}.addEach at ${target.home}`, error, ['moved'])
  }
}
