import { isActiveStorageError } from '../../../src/core/errors.ts'
import { askAgain, change, type Keyed } from './changes.ts'
import type { Held } from './model.ts'
import { readAll, readPictures } from './readers.ts'
import { contentIn, leftoversIn, logsIn, usedIn } from './stored.ts'
import { callOf, type Hand, type World } from './world.ts'

/** A sound site without load answers within this time. */
const PATIENCE_MS = 10_000
/** Content that nothing refers to any more is removed after 30 s. */
const COLLECTED_MS = 35_000
const CONTENT = '/data/content'
const KEYED_MOST = 30

/** Every site answers for every name: with the log, or with where it is, or that there is none. */
const askEverywhere = async ({ world, caller }: Hand): Promise<void> => {
  for (const site of world.machines.keys())
    for (const { name } of new Map(world.targets.map((target) => [target.name, target])).values()) {
      // Past the client's links: what they remember of a site in trouble is over by now, or should be.
      const way = world.network.linksOf(caller.life).get(site)!
      try {
        await way.call(callOf(caller, ['log', name, 'all'], 'readonly', [], { budgetMs: PATIENCE_MS }))
      } catch (error) {
        if (!isActiveStorageError(error, 'moved') && !isActiveStorageError(error, 'not-found'))
          world.model.find(`hangs: log/${name} at ${site}, without faults: ${String(error)}`)
      }
    }
}

const heldLogs = ({ machines }: World): readonly Held[] =>
  [...machines.values()].flatMap(({ name, disk }) => logsIn(name, disk.rows, disk.files, CONTENT))

/** Content that is released is removed by itself, whatever the site has done before. */
const checkCollection = async (hand: Hand): Promise<void> => {
  const { world, caller } = hand
  const call = (site: string, type: string, object: string, method: string, args: Parameters<typeof callOf>[3]) =>
    caller
      .from(site)
      .call(callOf(caller, [type, object, method], type === 'site' ? 'movable' : 'stateful', args, { budgetMs: PATIENCE_MS }))
  const sites = [...world.machines.values()]
  const left = (site: (typeof sites)[number]) => {
    const used = usedIn(site.disk.rows)
    return contentIn(site.disk.files, CONTENT).filter((hash) => !used.has(hash))
  }
  for (const { name } of sites) await call(name, 'log', `probe-${name}`, 'attach', ['probe', `probe of ${name}`, ['row']])
  const before = new Map(sites.map((site) => [site, new Set(left(site))]))
  for (const { name } of sites) await call(name, 'log', `probe-${name}`, 'detach', ['probed'])
  await world.scheduler.pause(COLLECTED_MS, 'collectors')
  for (const site of sites)
    if (left(site).some((hash) => before.get(site)?.has(hash) !== true))
      world.model.find(`garbage: ${site.name} does not remove what was released`)
  for (const { name } of sites) await call(name, 'site', 'main', 'collect', [{}])
  for (const site of sites)
    if (left(site).length > 0) world.model.find(`garbage: ${site.name} has ${left(site).length} contents after a collection`)
}

/** After the faults: nothing hangs, nothing is left half done, and everything is as the callers were told. */
export const audit = async (hand: Hand, keyed: readonly Keyed[]): Promise<void> => {
  const { world } = hand
  const { model, machines } = world
  await askEverywhere(hand)
  for (const [name, { disk, host }] of machines) {
    for (const left of leftoversIn(disk.rows)) model.find(`unfinished: ${name} has the note ${left}`)
    if (host !== undefined && host.admission.inFlight > 0)
      model.find(`hangs: ${host.admission.inFlight} calls are under way at ${name} without load`)
  }
  for (const target of world.targets) {
    if (!(await readAll(hand, target, PATIENCE_MS))) model.find(`hangs: nobody can read log/${target.name} of ${target.home}`)
    if (!(await readPictures(hand, target, PATIENCE_MS)))
      model.find(`hangs: nobody can read the pictures of log/${target.name} of ${target.home}`)
    if ((await change(hand, target, 'add', (entry) => [entry], { keyed: true, budgetMs: PATIENCE_MS })) === undefined)
      model.find(`hangs: nobody can change log/${target.name} of ${target.home}`)
  }
  for (const one of keyed.slice(-KEYED_MOST))
    if (!(await askAgain(hand, one, PATIENCE_MS))) model.find(`lost: nobody can repeat the call with the key ${one.key}`)
  model.judge(heldLogs(world))
  await checkCollection(hand)
}
