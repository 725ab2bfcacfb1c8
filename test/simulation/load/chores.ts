import { isActiveStorageError } from '../../../src/core/errors.ts'
import type { Machine } from '../world/machine.ts'
import { callOf, codeOf, count, type Hand, pause } from './world.ts'

/** Has sites look for garbage until the load is over. */
export const collectGarbage = async (hand: Hand, sites: readonly string[], everyMs: number): Promise<void> => {
  const { world, caller, draws } = hand
  while (!world.over) {
    await pause(hand, draws.between(0, 2 * everyMs))
    const site = draws.pick(sites)
    try {
      await caller
        .from(site)
        .call(callOf(caller, ['site', 'main', 'collect'], 'movable', [{ dryRun: draws.chance(0.2) }], { budgetMs: 8000 }))
      count(world, 'collected')
    } catch (error) {
      codeOf(world, `site/main.collect at ${site}`, error)
    }
  }
}

/** A backup that was answered as complete. */
export interface Backup {
  readonly machine: Machine
  readonly path: string
  readonly began: number
}

/** Has sites write backups until the load is over. @param check looks at each that is complete */
export const writeBackups = async (
  hand: Hand,
  machines: readonly Machine[],
  everyMs: number,
  check: (backup: Backup) => Promise<void>,
): Promise<void> => {
  const { world, caller, draws } = hand
  for (let number = 1; !world.over; number++) {
    await pause(hand, draws.between(0, 2 * everyMs))
    const machine = draws.pick(machines)
    const path = `/backups/${hand.name}-${number}`
    const began = world.scheduler.now
    try {
      let complete = false
      const call = callOf(caller, ['site', 'main', 'backup'], 'movable', [path], { budgetMs: 8000 })
      for await (const progress of caller.from(machine.name).stream(call))
        complete ||= typeof progress === 'object' && progress !== null && 'complete' in progress && progress.complete === true
      if (!complete) world.model.find(`the backup to ${path} of ${machine.name} ended without being complete`)
      count(world, 'backup done')
      await check({ machine, path, began })
    } catch (error) {
      codeOf(world, `backup of ${machine.name} to ${path}`, error)
    }
  }
}

/** Activates, at sites, moves that never were: as the source does whose target has lost what it had received. */
export const activateNothing = async (hand: Hand, sites: readonly string[]): Promise<void> => {
  const { world, caller, draws } = hand
  for (let number = 1; !world.over; number++) {
    await pause(hand, draws.between(0, 8000))
    const { name } = draws.pick(world.targets)
    const site = draws.pick(sites)
    const what = `log/${name}.$activate of no move at ${site}`
    try {
      await caller.from(site).call(callOf(caller, ['log', name, '$activate'], 'stateful', [`${hand.name}-${number}`], { budgetMs: 8000 }))
      world.model.find(`answered: ${what}`)
    } catch (error) {
      if (isActiveStorageError(error, 'not-found')) count(world, 'activation of nothing refused')
      else codeOf(world, what, error)
    }
  }
}
