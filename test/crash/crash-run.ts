import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { opDraws } from '../../src/core/random.ts'
import { createRestorer, problemsOf, type RestoredCounts } from './backups.ts'
import { createSession, emptyTally, type Tally } from './callers.ts'
import { createCluster, NodeFailed, nodeNames } from './cluster.ts'
import { createClock } from './history.ts'
import { type FaultContext, lasting, type MadeBackup } from './faults/fault.ts'
import { befall, type drawFaults, type FaultKind, faultKinds } from './faults/faults.ts'
import { mountDisk } from './faults/small-disk.ts'
import { createTrouble } from './faults/trouble.ts'
import { createTrigger, drawKill, type Kill } from './kills.ts'
import type { Mutant } from './mutants/mutants.ts'
import { type Checked, type Finding, finding, type Session, type Workload } from './workload.ts'
import { type WorkloadName, workloadNames, workloads as makers } from './workloads/workloads.ts'

export interface CrashOptions {
  readonly kills: number
  readonly seed: number
  /** Client objects, each with connections of its own and several callers. */
  readonly clients: number
  readonly mutant?: Mutant
  /** Default all. */
  readonly workloads?: readonly WorkloadName[]
  /** Draws the instant of the next kill. */
  readonly drawKill?: typeof drawKill
  /** Draws what befalls a life beside its kill. Default: nothing. */
  readonly drawFaults?: typeof drawFaults
  /** The longest of a fault's usual time, in ms. Default 4,000. */
  readonly longestMs?: number
  /** Ends the killing early, at the first findings that satisfy it. Default: all kills, checked at the end. */
  readonly until?: (findings: readonly Finding[]) => boolean
  /** Ends the killing after so long. Default: never. */
  readonly minutes?: number
  /** Told after each kill. */
  readonly onKill?: (progress: {
    readonly kills: number
    readonly kill: Kill
    readonly faults: readonly FaultKind[]
    readonly tally: Tally
  }) => void
}

export interface CrashReport {
  readonly seed: number
  readonly mutant: Mutant | undefined
  readonly kills: Readonly<Record<Kill['when'], number>>
  /** Faults that took place, by kind. */
  readonly faults: Readonly<Record<FaultKind, number>>
  readonly backups: Readonly<RestoredCounts>
  readonly tally: Tally
  readonly byWorkload: Readonly<Record<string, Omit<Checked, 'findings'>>>
  /** From a node's start to the first reply that a new client has of it, in ms. */
  readonly restartMs: { readonly median: number; readonly max: number; readonly restarts: number }
  readonly seconds: number
  readonly findings: readonly Finding[]
  /** Kept where something was found. */
  readonly data: string | undefined
}

/** How a life was disturbed, and how it ended. */
interface Cycle {
  readonly kill: Kill
  readonly kinds: readonly FaultKind[]
}

/** What a first start takes, more or less; then what the last ones took. */
const START_MS = 400
/** A node that has not come to its kill in this time has stopped to answer. */
const STUCK_MS = 180_000
/** Usual faults last no longer, and none longer than this. */
const LONGEST_MS = 4000
const FAULTS_MS = 300_000

const medianOf = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

/** Rejects after a while, unless `work` has ended by then. */
const within = async <Result>(ms: number, what: string, work: Promise<Result>): Promise<Result> => {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new NodeFailed(what)), ms)))
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}

/** Kills nodes again and again while callers use them, and judges by the callers' replies alone. */
export const crashRun = async (options: CrashOptions): Promise<CrashReport> => {
  const { seed, mutant } = options
  const began = performance.now()
  const draws = opDraws(seed, 0, 'kills', 0)
  const clock = createClock()
  const data = await mkdtemp(join(tmpdir(), 'active-storage-crash-'))
  const [backups, adopt] = [join(data, 'backups'), join(data, 'adopt')]
  for (const folder of [backups, adopt]) await mkdir(folder)
  const workloads = (options.workloads ?? workloadNames).map((name) => makers[name](clock, adopt))
  const names = workloads.map(({ name }) => name)
  const tally = emptyTally()
  const kills: Record<Kill['when'], number> = { 'start-up': 0, 'first-reply': 0, replies: 0, asked: 0 }
  const restarts: number[] = []
  const found: Finding[] = []
  const faults = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>
  const trouble = createTrouble()
  const made: MadeBackup[] = []

  const nodes = nodeNames.slice(0, Math.max(...workloads.map((workload) => workload.nodes ?? 1)))
  const cluster = await createCluster({ data, nodes, clients: options.clients, mutant, backups, adopt })

  const onDisk = nodes[seed % nodes.length]!
  const disk = options.drawFaults === undefined ? undefined : mountDisk(onDisk, join(data, onDisk))
  const restorer = createRestorer({ data, seed, draws, workloads, adopt })
  const context: FaultContext = {
    cluster,
    nodes,
    draws,
    clock,
    trouble,
    disk,
    backups,
    longestMs: options.longestMs ?? LONGEST_MS,
    onBackup: (backup) => made.push(backup),
    onFinding: (finding) => found.push(finding),
  }

  let finishing = false
  const sessions: { readonly workload: Workload; readonly session: Session }[] = []
  for (const workload of workloads) {
    for (let index = 0; index < workload.callers * options.clients; index++) {
      const session = createSession({
        workload,
        caller: sessions.length,
        seed,
        tally,
        trouble,
        hurried: options.drawFaults !== undefined,
        onStuck: (entry, what) => found.push(finding('stuck', entry.object, what, [entry])),
        epoch: cluster.epoch,
      })
      sessions.push({ workload, session })
    }
  }
  const callers = Promise.all(
    sessions.map(async ({ workload, session }) => {
      while (!finishing) await workload.step(session)
    }),
  )
  // What a caller throws is a fault of its workload, and ends the run.
  const broken = callers.then(() => new Promise<never>(() => undefined))
  broken.catch(() => undefined)

  // Most of the work is done by the first.
  const victim = () => nodes[draws.below(3) === 0 ? nodes.length - 1 - draws.below(nodes.length - 1 || 1) : 0]!
  const cycle = async (): Promise<Cycle> => {
    const kill = (options.drawKill ?? drawKill)(draws, names, restarts.length === 0 ? START_MS : medianOf(restarts))
    if (kill.when === 'start-up') {
      await cluster.killInStart(cluster.down[0]!, kill.afterMs)
      return { kill, kinds: [] }
    }
    const kinds = options.drawFaults?.(draws) ?? []
    const trigger = createTrigger(kill)
    const first = kinds.length === 0 ? trigger : createTrigger({ when: 'replies', count: 1 + draws.below(30), afterMs: 0 })
    restarts.push(await within(STUCK_MS, 'a restarted node does not serve', cluster.serve(first)))
    const comesTo = (what: string, instant: Promise<unknown>) =>
      within(STUCK_MS, `life ${cluster.lives} has not come to ${what} in ${STUCK_MS} ms`, Promise.race([instant, cluster.ended]))
    if (kinds.length > 0) {
      await comesTo('its faults', first.fired)
      const befallen = befall(kinds, context, faults)
      // Some nodes are killed in the midst of it; the others have to go on afterwards.
      if (draws.below(3) === 0) {
        await Promise.race([lasting(context.longestMs * draws.uniform(), new AbortController().signal), befallen.done, cluster.ended])
        await cluster.kill(victim())
        await befallen.end()
        return { kill, kinds }
      }
      await within(FAULTS_MS, `the faults ${kinds.join(', ')} do not end`, Promise.race([befallen.done, cluster.ended]))
      cluster.watch(trigger)
    }
    await comesTo(`its kill (${kill.when})`, trigger.fired)
    await cluster.kill(victim())
    return { kill, kinds }
  }
  const finish = async () => {
    finishing = true
    restarts.push(await within(STUCK_MS, 'the last life does not serve', cluster.serve(createTrigger({ when: 'first-reply' }))))
    await within(STUCK_MS, 'the last life does not answer all calls', callers)
    const audits = workloads.map((workload) => workload.audit(sessions.find((each) => each.workload === workload)!.session))
    await within(STUCK_MS * workloads.length, 'the last life does not answer the audit', Promise.all(audits))
  }
  const restoreAll = async () => {
    for (let backup = made.shift(); backup !== undefined; backup = made.shift()) found.push(...(await restorer.check(backup)))
  }

  try {
    const until = began + (options.minutes ?? Infinity) * 60_000
    for (let count = 1; count <= options.kills && performance.now() < until; count++) {
      const { kill, kinds } = await Promise.race([cycle(), broken])
      kills[kill.when]++
      await restoreAll()
      options.onKill?.({ kills: count, kill, faults: kinds, tally })
      if (options.until?.(workloads.flatMap((workload) => workload.check().findings)) === true) break
    }
    await Promise.race([finish(), broken, cluster.ended])
  } catch (error) {
    if (!(error instanceof NodeFailed)) {
      await cluster.close()
      disk?.unmount()
      await rm(data, { recursive: true, force: true })
      throw error
    }
    found.push(finding('stuck', 'node', error.message, []))
  } finally {
    await cluster.close()
  }
  for (const node of nodes) found.push(...(await problemsOf(join(data, node), node)))
  disk?.unmount()

  const checked = workloads.map((workload) => ({ name: workload.name, ...workload.check() }))
  found.push(...checked.flatMap(({ findings }) => findings))
  const keep = found.length > 0 && mutant === undefined
  if (!keep) await rm(data, { recursive: true, force: true })
  return {
    seed,
    mutant,
    kills,
    faults,
    backups: restorer.counts,
    tally,
    byWorkload: Object.fromEntries(checked.map(({ name, findings: _, ...counts }) => [name, counts])),
    restartMs: { median: Math.round(medianOf(restarts)), max: Math.round(Math.max(0, ...restarts)), restarts: restarts.length },
    seconds: Math.round((performance.now() - began) / 100) / 10,
    findings: found,
    data: keep ? data : undefined,
  }
}
