import { type ContentHash, contentHash, LOCAL, type SiteName, siteName } from '../../src/core/ids.ts'
import { type Draws, opDraws } from '../../src/core/random.ts'
import type { CallReport, StageReport } from '../../src/core/transport.ts'
import type { CallView, Decision, Policy, Role, SiteView, StageInput } from '../../src/policy/types.ts'

/** A made-up world on a virtual clock: sites with workers and a link each, and a loader with a few batches in flight. */
export interface WorldSite {
  readonly name: string
  readonly role: Role
  /** Calls that run side by side. */
  readonly workers: number
  readonly rttMs: number
  /** Bytes a millisecond, each way. */
  readonly bandwidth: number
  /** Milliseconds per unit of each stage, which may change with virtual time. */
  readonly msPerUnit: readonly number[] | ((nowMs: number) => readonly number[])
  /** Added to a worker's first call: a session to load. */
  readonly coldMs?: number
  /** Wait caused by other clients. */
  readonly othersQueueMs?: number
  readonly othersInFlight?: number
}
export interface WorldSpec {
  readonly sites: readonly WorldSite[]
  readonly stages: readonly { readonly key: string; readonly units: number; readonly resultBytes: number }[]
  /** Bytes of the inputs of a call; they lie on `home`. */
  readonly inputBytes: number
  readonly home: string
  readonly calls: number
  readonly epochs: number
  readonly prefetch: number
  /** Relative noise of computing times. */
  readonly noise: number
  readonly seed: number
}
export interface Run {
  readonly totalMs: number
  /** Chosen placements in order, as the sites joined by `>`. */
  readonly placements: readonly string[]
  /** Virtual time at which each call was decided. */
  readonly startedMs: readonly number[]
}

interface State {
  readonly workers: Queue
  /** Results and content that leave the site; one transfer after the other. */
  readonly link: Queue
  cold: number
  outstanding: number
  queueMs: number | undefined
  inFlight: number | undefined
  bandwidth: number | undefined
  readonly held: Set<ContentHash>
}

const gaussian = (draws: Draws): number => Math.sqrt(-2 * Math.log(1 - draws.uniform())) * Math.cos(2 * Math.PI * draws.uniform())
const hashOf = (index: number): ContentHash => contentHash(index.toString(16).padStart(64, '0'))

/** A policy that always runs everything as told. */
export const fixed = (sites: readonly string[]): Policy => ({
  decide: (): Decision => ({
    id: 0,
    sites: sites.map(siteName),
    because: 'fixed',
    rule: undefined,
    strategy: 'fixed',
    options: [],
    fallbacks: [],
  }),
  observe: () => undefined,
})

/** A step of a process: it is given the way to go on, and goes on when its time has come. */
type Step = (resume: () => void) => void
type Steps<T> = Generator<Step, T, void>

/** Virtual time. */
class Clock {
  now = 0
  readonly #events: { at: number; resume: () => void }[] = []

  pause(ms: number): Step {
    return (resume) => {
      const at = this.now + ms
      let place = this.#events.length
      while (place > 0 && (this.#events[place - 1]?.at ?? 0) > at) place--
      this.#events.splice(place, 0, { at, resume })
    }
  }
  run(): void {
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      this.now = event.at
      event.resume()
    }
  }
}

/** Something of which a few can be used at a time, first come first served. */
class Queue {
  readonly #clock: Clock
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(clock: Clock, places: number) {
    this.#clock = clock
    this.#free = places
  }
  enter(): Step {
    return (resume) => {
      if (this.#free === 0) this.#waiting.push(resume)
      else {
        this.#free--
        resume()
      }
    }
  }
  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
  use(ms: number): Step {
    return (resume) =>
      this.enter()(() =>
        this.#clock.pause(ms)(() => {
          resume()
          this.leave()
        }),
      )
  }
}

const play = (steps: Steps<void>, then: () => void): void => {
  const { done, value } = steps.next()
  if (done === true) then()
  else value(() => play(steps, then))
}

const viewOf = (site: WorldSite, state: State): SiteView => ({
  name: siteName(site.name),
  role: site.role,
  up: true,
  rttMs: site.role === 'local' ? 0 : site.rttMs,
  get downBytesPerMs() {
    return state.bandwidth
  },
  get upBytesPerMs() {
    return state.bandwidth
  },
  get inFlight() {
    return site.role === 'local' ? state.outstanding : state.inFlight
  },
  get queueMs() {
    return state.queueMs
  },
  get outstanding() {
    return state.outstanding
  },
  has: (hash) => state.held.has(hash),
})

/** Runs the loader over all epochs in virtual time. */
export const simulate = (spec: WorldSpec, policy: Policy): Run => {
  const draws = opDraws(spec.seed, 0, 'world', 0)
  const clock = new Clock()
  const places = new Map<SiteName, readonly [WorldSite, State]>()
  for (const site of spec.sites) {
    const state: State = {
      workers: new Queue(clock, site.workers),
      link: new Queue(clock, 1),
      cold: site.workers,
      outstanding: 0,
      queueMs: undefined,
      inFlight: undefined,
      bandwidth: site.role === 'local' ? Infinity : undefined,
      held: new Set(),
    }
    places.set(siteName(site.name), [site, state])
  }
  const at = (name: SiteName): readonly [WorldSite, State] => {
    const place = places.get(name)
    if (place === undefined) throw new Error(`the world has no site ${name}`)
    return place
  }
  const views = [...places.values()].map(([site, state]) => viewOf(site, state))

  /** One stage group on its site. */
  function* runGroup(inputs: readonly StageInput[], name: SiteName, from: number, to: number, sent: number): Steps<CallReport> {
    const [site, state] = at(name)
    const remote = site.role !== 'local'
    const began = clock.now
    if (remote) yield clock.pause(sent / site.bandwidth + site.rttMs / 2)
    let bytesFetched = 0
    const fetchBegan = clock.now
    const missing = from === 0 ? inputs.filter(({ hash, home }) => home !== name && !state.held.has(hash)) : []
    if (missing.length > 0) {
      bytesFetched = missing.reduce((sum, input) => sum + input.bytes, 0)
      const [home, homeState] = at(siteName(spec.home))
      yield clock.pause(home.rttMs)
      yield homeState.link.use(bytesFetched / home.bandwidth)
      if (remote) yield clock.pause(bytesFetched / site.bandwidth)
      for (const { hash } of missing) state.held.add(hash)
    }
    const fetchMs = clock.now - fetchBegan
    const waitBegan = clock.now
    yield clock.pause(site.othersQueueMs ?? 0)
    yield state.workers.enter()
    const queueMs = clock.now - waitBegan
    const speeds = typeof site.msPerUnit === 'function' ? site.msPerUnit(clock.now) : site.msPerUnit
    const stages: StageReport[] = []
    // Each worker loads its session in its first call.
    let extra = state.cold-- > 0 ? (site.coldMs ?? 0) : 0
    for (let stage = from; stage < to; stage++) {
      const { key, units } = spec.stages[stage] ?? { key: '', units: 0 }
      const ms = units * (speeds[stage] ?? 0) * Math.exp(spec.noise * gaussian(draws)) + extra
      extra = 0
      stages.push({ key, ms, units })
      yield clock.pause(ms)
    }
    state.workers.leave()
    const serviceMs = clock.now - waitBegan - queueMs + fetchMs
    const result = remote ? (spec.stages[to - 1]?.resultBytes ?? 0) : 0
    if (remote) {
      yield state.link.use(result / site.bandwidth)
      yield clock.pause(site.rttMs / 2)
    }
    const inFlight = state.outstanding + (site.othersInFlight ?? 0)
    const load = { inFlight, queueMs, serviceMs }
    const bytesSent = remote ? sent : 0
    return { site: name, bytesSent, bytesReceived: result, bytesFetched, fetchMs, totalMs: clock.now - began, load, stages }
  }

  const placements: string[] = []
  const startedMs: number[] = []

  function* runCall(index: number): Steps<void> {
    const inputs: StageInput[] = Array.from({ length: 4 }, (_, part) => ({
      hash: hashOf((index % spec.calls) * 4 + part),
      bytes: spec.inputBytes / 4,
      home: siteName(spec.home),
    }))
    const call: CallView = {
      type: 'loader',
      method: 'batch',
      stages: spec.stages.map(({ key, units }, stage) => ({ key, units, inputs: stage === 0 ? inputs : [] })),
      argumentBytes: 1000,
      budgetMs: undefined,
    }
    const decision = policy.decide(call, views)
    placements.push([...new Set(decision.sites)].join('>'))
    startedMs.push(clock.now)
    const began = clock.now
    const reports: CallReport[] = []
    let carried = 1000
    for (let from = 0; from < spec.stages.length;) {
      const name = decision.sites[from] ?? LOCAL
      let to = from + 1
      while (to < spec.stages.length && decision.sites[to] === name) to++
      const [site, state] = at(name)
      state.outstanding++
      const report = yield* runGroup(inputs, name, from, to, carried)
      state.outstanding--
      state.queueMs = report.load?.queueMs
      state.inFlight = report.load?.inFlight
      if (report.bytesReceived > 32_768) state.bandwidth = site.bandwidth
      reports.push(report)
      carried = spec.stages[to - 1]?.resultBytes ?? 0
      from = to
    }
    policy.observe(call, decision, { reports, totalMs: clock.now - began, failed: false })
  }

  // The loader: results are taken in order, and with each one taken another call begins.
  const count = spec.calls * spec.epochs
  const done = new Set<number>()
  let begun = 0
  let taken = 0
  const begin = () => {
    if (begun >= count) return
    const index = begun++
    play(runCall(index), () => {
      done.add(index)
      for (; done.has(taken); taken++) begin()
    })
  }
  for (let slot = 0; slot < spec.prefetch; slot++) begin()
  clock.run()
  return { totalMs: clock.now, placements, startedMs }
}

/** All ways to place a world's calls for good: each site, and each cut in two. */
export const placementsOf = ({ sites, stages }: WorldSpec): readonly (readonly string[])[] => {
  const names = sites.map(({ name }) => name)
  const all = names.map((name) => stages.map(() => name))
  for (let cut = 1; cut < stages.length; cut++) {
    for (const a of names) for (const b of names) if (a !== b) all.push(stages.map((_, stage) => (stage < cut ? a : b)))
  }
  return all
}
