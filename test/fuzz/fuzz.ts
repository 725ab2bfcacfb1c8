import { setTimeout as pause } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { createCanary } from './canary.ts'
import { type Check, type Fault, faultOf, judge, uncaughtIn } from './checks.ts'
import { isWhole, type Plan } from './plan.ts'
import { createSender, type Outcome } from './send.ts'
import type { Target } from './target.ts'

export interface FuzzOptions {
  /** Streams under way at once. */
  readonly atOnce: number
  /** The most time for one call, in ms. */
  readonly deadlineMs: number
  /** The same for a client that never says it is done. */
  readonly openDeadlineMs: number
  /** What the node's memory may be above its level after the warm-up, in MiB: when all is over, and at any time. */
  readonly restMib: number
  readonly peakMib: number
  /** Messages of the warm-up. */
  readonly warmUp: number
  /** A canary sings after so many messages. */
  readonly canaryEvery: number
  readonly signal?: AbortSignal
  readonly onProgress?: (report: Report) => void
}

export const defaults: FuzzOptions = {
  atOnce: 32,
  deadlineMs: 10_000,
  openDeadlineMs: 250,
  restMib: 192,
  peakMib: 1024,
  warmUp: 2000,
  canaryEvery: 50,
}

export interface Report {
  messages: number
  ms: number
  canaries: number
  putOff: number
  /** How calls ended: number by status and code. */
  readonly ends: Map<string, number>
  readonly faults: Fault[]
  readonly rss: { start: number; warm: number; peak: number; end: number }
  readonly descriptors: { before: number; after: number }
}

type Add = (check: Check, says: string, plans: readonly Plan[]) => void

const nameOf = ({ status: code, failure }: Outcome): string =>
  `${code === undefined ? 'no status' : status[code]}${failure === undefined ? '' : ` ${failure.code}`}`

/** Sends plans to a target and watches it. Ends early when the target dies. */
export const fuzz = async (target: Target, plans: Iterable<Plan>, options: FuzzOptions): Promise<Report> => {
  const began = performance.now()
  const canary = createCanary(target.address)
  const rss = () => target.rssMib() ?? 0
  const report: Report = {
    messages: 0,
    ms: 0,
    canaries: 0,
    putOff: 0,
    ends: new Map(),
    faults: [],
    rss: { start: rss(), warm: 0, peak: 0, end: 0 },
    descriptors: { before: 0, after: 0 },
  }
  const note = (fault: Fault) => {
    const known = report.faults.find(({ cause }) => cause === fault.cause)
    if (known === undefined) report.faults.push(fault)
    else known.times++
  }
  const add: Add = (check, says, plans) => note(faultOf(check, says, plans))
  const underWay = new Set<Plan>()
  /** A process that dies breaks its connections a moment before that is known. */
  const lives = async () => {
    await Promise.race([target.exit, pause(100)])
    return target.ended === undefined
  }
  const sing = async () => {
    const wrong = await canary.sing()
    report.canaries++
    if (wrong !== undefined && (await lives())) add('canary', wrong, [...underWay])
  }
  await sing()
  report.descriptors.before = target.descriptors() ?? 0

  /** A node that answers another caller at once is not too busy for what it left without an answer. */
  const saturated = async () => {
    const asked = performance.now()
    await sing()
    return performance.now() - asked > options.deadlineMs / 4
  }
  const sender = createSender(target.address)
  const send = async (plan: Plan) => {
    underWay.add(plan)
    const deadline = isWhole(plan) ? options.deadlineMs : options.openDeadlineMs
    const outcome = await sender.send(plan, deadline)
    const busy = outcome.late && isWhole(plan) && (await saturated())
    underWay.delete(plan)
    report.messages++
    const name = nameOf(outcome)
    report.ends.set(name, (report.ends.get(name) ?? 0) + 1)
    const fault = judge(plan, outcome, busy)
    if (fault !== undefined && (await lives())) note(fault)
  }

  const dead = target.exit.then(() => {
    add('exit', `the process ended: ${target.ended}\n${target.stderr.slice(-2000)}`, [...underWay])
  })
  const queue = plans[Symbol.iterator]()
  let high = false
  const lane = async () => {
    while (target.ended === undefined && options.signal?.aborted !== true) {
      const { value: plan, done } = queue.next()
      if (done === true) return
      await send(plan)
      const { messages } = report
      const now = rss()
      report.rss.peak = Math.max(report.rss.peak, now)
      // Before the canary: the other lanes go on while it sings.
      if (messages === options.warmUp) report.rss.warm = now
      if (messages % options.canaryEvery === 0) await sing()
      if (report.rss.warm > 0 && now > report.rss.warm + options.peakMib && !high) {
        high = true
        add('memory', `${now.toFixed(0)} MiB at message ${messages}, ${report.rss.warm.toFixed(0)} MiB after the warm-up`, [...underWay])
      }
      if (messages % 1000 === 0) options.onProgress?.({ ...report, ms: performance.now() - began, putOff: canary.putOff })
    }
  }
  try {
    await Promise.race([dead, Promise.all(Array.from({ length: options.atOnce }, lane))])
    if (report.rss.warm === 0) report.rss.warm = rss()
    if (target.ended === undefined) await rest(target, canary, sender, report, options, add)
  } finally {
    // Open connections would keep the process, also where a plan could not be made.
    await canary.close()
    sender.close()
  }
  report.rss.end = rss()
  report.ms = performance.now() - began
  report.putOff = canary.putOff
  const uncaught = uncaughtIn(target.stderr)
  if (uncaught !== undefined) add('stderr', uncaught, [])
  return report
}

/** What must be so again when all calls are over. */
const rest = async (
  target: Target,
  canary: ReturnType<typeof createCanary>,
  sender: ReturnType<typeof createSender>,
  report: Report,
  { deadlineMs, restMib }: FuzzOptions,
  add: Add,
): Promise<void> => {
  const wrong = await canary.sing()
  report.canaries++
  if (wrong !== undefined) add('canary', `after all: ${wrong}`, [])
  // The node learns of the last clients' leaving a moment later: it is asked again until then.
  const until = performance.now() + deadlineMs
  const settled = async (good: () => Promise<string | undefined>): Promise<string | undefined> => {
    for (;;) {
      const problem = await good()
      if (problem === undefined || performance.now() > until) return problem
      await pause(50)
    }
  }
  const busy = await settled(async () => {
    const count = await canary.stats().then(({ inFlight }) => inFlight, String)
    return count === 1 ? undefined : `${count} calls are under way where one is`
  })
  if (busy !== undefined) add('in-flight', busy, [])
  const reserved = await settled(async () => {
    const bytes = await canary.stats().then(({ argumentBytes }) => argumentBytes, String)
    // The message of the question itself counts.
    return typeof bytes === 'number' && bytes < 512 ? undefined : `${bytes} bytes of arguments are still held`
  })
  if (reserved !== undefined) add('reserved', reserved, [])
  sender.close()
  const { before } = report.descriptors
  const leaked = await settled(() => {
    const now = target.descriptors() ?? 0
    report.descriptors.after = now
    // A library that is loaded on first use may keep a few of its own.
    return Promise.resolve(now <= before + SPARE_DESCRIPTORS ? undefined : `${now} descriptors are open, ${before} were before`)
  })
  if (leaked !== undefined) add('descriptors', leaked, [])
  const heavy = await settled(() => {
    const now = target.rssMib() ?? 0
    return Promise.resolve(
      now <= report.rss.warm + restMib
        ? undefined
        : `${now.toFixed(0)} MiB when all is over, ${report.rss.warm.toFixed(0)} MiB after the warm-up`,
    )
  })
  if (heavy !== undefined) add('memory', heavy, [])
}

const SPARE_DESCRIPTORS = 12
