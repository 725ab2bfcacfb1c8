import type { Seen } from './log.ts'
import { callOf, codeOf, count, type Hand, type Target } from './world.ts'
import type { Value } from '../../../src/core/value.ts'

const seenOf = (value: Value): Seen => value as unknown as Seen

/** Reads a whole log. @returns whether it was answered */
export const readAll = async (hand: Hand, target: Target, budgetMs = hand.draws.between(200, 8000)): Promise<boolean> => {
  const { world, caller } = hand
  const began = world.scheduler.now
  try {
    const call = callOf(caller, ['log', target.name, 'all'], 'readonly', [], { budgetMs })
    world.model.seen(seenOf(await caller.from(target.home).call(call)), began)
    count(world, 'all done')
    return true
  } catch (error) {
    codeOf(world, `log/${target.name}.all at ${target.home}`, error)
    return false
  }
}

/** Reads a log entry by entry: all of one moment. */
export const follow = async (hand: Hand, target: Target): Promise<void> => {
  const { world, caller, draws } = hand
  const began = world.scheduler.now
  const entries: string[] = []
  const leaveAfter = draws.chance(0.3) ? draws.below(20) : Infinity
  try {
    const call = callOf(caller, ['log', target.name, 'follow'], 'readonly', [], { budgetMs: draws.between(500, 8000) })
    for await (const entry of caller.from(target.home).stream(call)) {
      entries.push(typeof entry === 'string' ? entry : '')
      if (entries.length >= leaveAfter) return
    }
    world.model.seen({ log: entries[0] ?? '', entries }, began)
    count(world, 'follow done')
  } catch (error) {
    codeOf(world, `log/${target.name}.follow at ${target.home}`, error)
  }
}

/** Reads all content that a log refers to. @returns whether it was answered */
export const readPictures = async (hand: Hand, target: Target, budgetMs = hand.draws.between(500, 8000)): Promise<boolean> => {
  const { world, caller } = hand
  try {
    const call = callOf(caller, ['log', target.name, 'pictures'], 'readonly', [], { budgetMs })
    const found = await caller.from(target.home).call(call)
    count(world, Number(found) > 0 ? 'pictures read' : 'no pictures')
    return true
  } catch (error) {
    codeOf(world, `log/${target.name}.pictures at ${target.home}`, error)
    return false
  }
}
