import { storeOver } from './world/disk.ts'
import { createDraws } from './world/draws.ts'
import { fileModulesOf } from './world/file-modules.ts'
import { globalsOf } from './world/globals.ts'
import { createLife } from './world/life.ts'
import { createCaller, createMachine, type Machine } from './world/machine.ts'
import type { Losses } from './world/links.ts'
import { createNetwork, type Network } from './world/network.ts'
import { createScheduler } from './world/scheduler.ts'
import { createTrace } from './world/trace.ts'
import { audit } from './load/audit.ts'
import { ownAlias } from './load/aliases.ts'
import { change, type Keyed } from './load/changes.ts'
import { activateNothing, type Backup, collectGarbage, writeBackups } from './load/chores.ts'
import { faults, heal, makeTrouble } from './load/faults.ts'
import { adoptedPath, callLogs, moveLogs, SHARED_TEXTS } from './load/load.ts'
import { logType, pictureOf } from './load/log.ts'
import { createModel } from './load/model.ts'
import { logsIn } from './load/stored.ts'
import { createHand, type Target, type World } from './load/world.ts'
import type { buildProduct } from './product/build.ts'

export interface Result {
  readonly seed: number
  readonly found: readonly string[]
  /** SHA-256 of all events. */
  readonly trace: string
  readonly events: number
  readonly counts: Readonly<Record<string, number>>
}

export interface RunOptions {
  readonly seed: number
  readonly start: Awaited<ReturnType<typeof buildProduct>>
  /** Takes each line of the trace. */
  readonly tell?: (line: string) => void
}

const SITES = ['a', 'b', 'c'] as const
const TARGETS: readonly Target[] = [
  { name: 'one', home: 'a', twin: false },
  { name: 'two', home: 'b', twin: false },
  { name: 'three', home: 'c', twin: false },
  ...['ann', 'bob', 'cid'].flatMap((name) => ['a', 'b'].map((home) => ({ name, home, twin: true }))),
]
/** Methods whose calls may be lost more often than others, and in how many of the seeds. */
const UNLUCKY = [
  ['$activate', 0.3],
  ['$receive', 0.2],
  ['$discard', 0.2],
  ['$move', 0.1],
  ['add', 0.1],
  ['addWith', 0.1],
  ['all', 0.1],
  ['fetch', 0.1],
] as const
/** What the load takes, and what sites have then to come to rest: the longest pause of a breaker, and some more. */
const LOAD_MS = 15_000
const REST_MS = 100_000
/** A run that is not over by then hangs. */
const MOST_MS = 3600_000

/** Runs one seed: the same product and seed give the same events, in any process. */
export const runSeed = async ({ seed, start, tell }: RunOptions): Promise<Result> => {
  const trace = createTrace(tell)
  const scheduler = createScheduler(createDraws(seed, 'order'), trace)
  const draws = createDraws(seed, 'profile')
  const model = createModel(() => scheduler.now)
  const machines = new Map<string, Machine>()
  const network: Network = createNetwork({ scheduler, draws: createDraws(seed, 'network'), servers: machines })
  const losses: Losses = {
    lostReply: draws.chance(0.5) ? 0.02 : 0,
    duplicate: draws.chance(0.5) ? 0.04 : 0,
    unlucky: new Map(UNLUCKY.flatMap(([method, often]) => (draws.chance(often) ? [[method, draws.between(0.1, 0.8)] as const] : []))),
  }
  const log = logType(
    (ms) => scheduler.pause(ms, 'a method works'),
    (site, remote, idempotencyKey) => machines.get(site)?.product?.withCall(remote, { idempotencyKey }) ?? remote,
  )
  const limits = {
    calls: draws.chance(0.3) ? 2 + draws.below(6) : 1024,
    pendingBytes: draws.chance(0.3) ? 300 + draws.below(3000) : 64 * 1024 ** 2,
  }
  const common = { seed, scheduler, network: () => network, start }
  for (const name of SITES) machines.set(name, createMachine({ ...common, ...limits, name, types: [log] }))
  const callers = ['u', 'v', 'w'].map((name) => createCaller({ ...common, name }))
  const world: World = {
    seed,
    scheduler,
    network,
    machines,
    callers,
    targets: TARGETS,
    model,
    roaming: draws.chance(0.3),
    counts: new Map(),
    over: false,
  }

  const hand = (name: string, caller = draws.pick(callers)) => createHand(world, name, caller, createDraws(seed, `hand ${name}`))
  /** The product on a machine's disk, in a process of its own. */
  const aside = ({ name, disk }: Machine, what: string) => {
    const life = createLife(`${what}-${name}`, scheduler, createDraws(seed, `${what} ${name}`), () => 0)
    const { globals, modules } = globalsOf(life)
    return start({ globals, modules: { ...modules, ...fileModulesOf(life, disk) } })
  }
  const checkBackup = async ({ machine, path, began }: Backup) => {
    const { name, disk } = machine
    const store = disk.files.find(`${path}/store/data.mdb`)
    if (store?.kind !== 'file' || store.rows === undefined) return model.find(`the backup ${path} of ${name} has no store`)
    const problems = await aside(machine, 'backup').verify(name, storeOver(store.rows), `${path}/content`)
    for (const problem of problems) model.find(`the backup ${path} of ${name}: ${problem}`)
    for (const { entries } of logsIn(name, store.rows, disk.files, `${path}/content`))
      for (const entry of model.answeredBefore(entries[0] ?? '', began))
        if (!entries.includes(entry)) model.find(`the backup ${path} of ${name} lacks ${entry}, which was answered before it began`)
  }

  const prepare = async () => {
    for (const { disk, name } of machines.values()) {
      for (const text of SHARED_TEXTS) {
        const file = disk.files.make(adoptedPath(text), 0)
        file.data = file.synced = Buffer.from(pictureOf(text))
      }
      disk.files.folder('/adopt').synced = new Map(disk.files.folder('/adopt').entries)
      await machines.get(name)!.start()
    }
    const founder = hand('founder')
    for (const target of TARGETS) {
      const made = await change(founder, target, 'add', (entry) => [entry], { keyed: true })
      if (made === undefined) model.find(`log/${target.name} cannot be made at ${target.home}`)
      else model.founded(made.place.log)
    }
  }
  const load = async (keyed: Keyed[]) => {
    network.lose(losses)
    const eagerness = draws.pick([0.5, 1, 3])
    const work: Promise<void>[] = []
    for (let index = 0; index < 2 + draws.below(5); index++)
      work.push(callLogs(hand(`hand${index}`, callers[index % callers.length]), keyed, eagerness))
    for (let index = 0; index < 1 + draws.below(3); index++)
      work.push(moveLogs(hand(`mover${index}`), SITES, draws.pick([300, 1500, 6000])))
    for (const site of SITES) if (draws.chance(0.5)) work.push(ownAlias(hand(`owner-${site}`), site, 'name'))
    if (draws.chance(0.6)) work.push(collectGarbage(hand('collector'), SITES, draws.pick([50, 500, 3000])))
    work.push(activateNothing(hand('stranger'), SITES))
    if (draws.chance(0.3)) work.push(writeBackups(hand('keeper'), [...machines.values()], 3000, checkBackup))
    for (const fault of faults)
      if (draws.chance(0.4)) void makeTrouble(world, fault, createDraws(seed, fault.name), draws.pick([300, 1500, 6000]))
    await scheduler.pause(LOAD_MS, 'end of the load')
    world.over = true
    await heal(world)
    await Promise.all(work)
  }
  const close = async () => {
    for (const machine of machines.values()) {
      await machine.stop()
      for (const problem of await aside(machine, 'verify').verify(machine.name, storeOver(machine.disk.rows)))
        model.find(`the store of ${machine.name}: ${problem}`)
    }
  }
  const all = async () => {
    const keyed: Keyed[] = []
    await prepare()
    await load(keyed)
    for (const machine of machines.values())
      scheduler.in(draws.between(0, REST_MS), `the clock of ${machine.name} is set`, () => (machine.clockOffMs = 0))
    await scheduler.pause(REST_MS, 'end of the rest')
    await audit(hand('auditor', createCaller({ ...common, name: 'auditor' })), keyed)
    await close()
  }

  let over = false
  const unhandled = (error: unknown) => model.find(`nobody handles: ${error instanceof Error ? error.stack : String(error)}`)
  process.on('unhandledRejection', unhandled)
  try {
    const running = all().then(
      () => (over = true),
      (error: unknown) => {
        over = true
        model.find(`the run broke: ${error instanceof Error ? error.stack : String(error)}`)
      },
    )
    if (!(await scheduler.run(() => over, MOST_MS))) model.find(`hangs: the run is not over at ${scheduler.now} ms`)
    else await running
  } finally {
    process.off('unhandledRejection', unhandled)
  }
  return { seed, found: model.found, trace: trace.hash(), events: trace.events, counts: Object.fromEntries(world.counts) }
}
