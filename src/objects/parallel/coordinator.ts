import { abortedBy, failure } from '../../core/errors.ts'
import type { Feeds, Training } from '../../core/self.ts'
import { rateAt } from '../../training/schedule.ts'
import { Journal, type Measured, type Progress, type Recorder } from '../trainer/journal.ts'
import type { Point, TrainerSpec } from '../trainer/spec.ts'
import { averaged, sharesOf } from './average.ts'
import { type Kept, Ledger } from './ledger.ts'
import type { Averaged, Gathered, StepNumbers } from './member.ts'
import { digestOf } from './member-work.ts'
import type { ParallelPlan } from './plan.ts'
import { ofMember, type Roster } from './roster.ts'
import type { Seat } from './seat.ts'
import { roundSteps, samplesIn, SteadyTakes, type Stock, takesByCount, withoutSingles } from './takes.ts'

export interface MemberProgress {
  readonly name: string
  /** `away`: it is tried again and again. `refused`: it cannot take part; `error` says why. */
  readonly state: 'away' | 'ready' | 'here' | 'refused'
  /** Samples of this epoch that have been counted, and those that it has. */
  readonly counted: number
  readonly samples: number
  readonly samplesPerSecond?: number
  readonly error?: string
  /** After an epoch: sha256 of its state, the same at all that were here. */
  readonly digest?: string
  /** After an epoch: it had come to other bits than the coordinator, and was given the coordinator's. */
  readonly drifted?: boolean
}
export interface ParallelProgress extends Progress {
  readonly members: readonly MemberProgress[]
  /** At the end of an epoch: samples that were not counted, since their member was away for longer than the plan waits. */
  readonly missed: number
}

export interface CoordinatorInput {
  readonly signal: AbortSignal
  readonly plan: ParallelPlan
  readonly spec: TrainerSpec
  /** The last checkpoint. */
  readonly from: { readonly step: number; readonly epoch: number; readonly ledger?: Kept } | null
  /** The coordinator's own copy of the model, which makes every step that counts. */
  readonly training: Training
  /** Whether the model takes statistics of its batches. */
  readonly statistics: boolean
  readonly roster: Roster
  readonly recorder: Recorder
  readonly measure: (() => Promise<Measured>) | undefined
  /** Takes in members that have joined meanwhile. */
  readonly joined: () => Promise<void>
}

const LOCAL_STEPS = 16
const WAIT_MS = 60_000

/**
 * Leads members through a plan. Its own copy of the model is the one that counts: a step is made when it has made it, and
 * counted with it in one checkpoint. Members that fail, or come, are given that copy's state.
 */
export class Coordinator {
  readonly #input: CoordinatorInput
  readonly #ledger: Ledger
  readonly #journal: Journal
  readonly #takes = new SteadyTakes()
  #epoch: number
  #rate = 0
  /** The last step, for members that have not made it. */
  #last: Averaged | undefined
  #state: Feeds | undefined

  constructor(input: CoordinatorInput) {
    this.#input = input
    const { plan, recorder, training, from } = input
    this.#ledger = new Ledger(from?.ledger)
    this.#epoch = from?.epoch ?? 0
    this.#journal = new Journal({ plan, recorder, training, step: from?.step ?? 0 })
  }

  async *run(): AsyncGenerator<ParallelProgress> {
    const { plan, roster, recorder, signal, measure } = this.#input
    await roster.settled(signal)
    await this.#admit()
    const refused = roster.seats.find(({ state }) => state === 'refused')
    if (refused !== undefined) throw ofMember(refused.name, refused.refusal)
    for (; this.#epoch < plan.epochs; this.#epoch++) {
      for (;;) {
        if (signal.aborted) throw abortedBy(signal)
        this.#journal.sound()
        await this.#admit()
        const open = roster.here.filter(({ name }) => this.#ledger.left(name) > 0)
        if (open.length === 0) {
          if (await this.#nobodyComes()) break
          continue
        }
        const before = this.#journal.step
        await (plan.mode === 'local' ? this.#round(open) : this.#step(open))
        await this.#journal.saveWhenDue(this.#point(), this.#journal.step - before)
        if (this.#journal.status !== 'running') {
          await this.#journal.saveNow(this.#point())
          return yield await this.#report()
        }
        if (this.#journal.reportDue) yield await this.#report()
      }
      await this.#bringAll()
      const validation = await measure?.()
      if (this.#epoch === plan.epochs - 1) {
        await this.#journal.saveNow({
          ...this.#point(),
          epoch: plan.epochs,
          ledger: this.#ledger.plain.map((entry) => ({ ...entry, next: 0 })),
        })
        await recorder.finish()
        this.#journal.status = 'done'
      }
      yield await this.#report(validation, true)
      this.#ledger.newEpoch()
    }
  }

  /** A moment to go on from: what was counted, and what came of it, are kept together. */
  #point(): Point {
    return { step: this.#journal.step, epoch: this.#epoch, next: 0, ledger: this.#ledger.plain }
  }
  #admit(): Promise<void> {
    return this.#input.roster.admit(this.#ledger, this.#journal.step, () => this.#current())
  }
  async #current(): Promise<Feeds> {
    return (this.#state ??= Object.fromEntries(await this.#input.training.state()))
  }

  /** Those who may yet come, and have samples of this epoch. */
  get #wanted(): readonly Seat[] {
    return this.#input.roster.awaited.filter(({ name }) => !this.#ledger.has(name) || this.#ledger.left(name) > 0)
  }
  /** Waits at the end of an epoch for those who are away. @returns whether it ends without them */
  async #nobodyComes(): Promise<boolean> {
    const { roster, plan, signal } = this.#input
    const { waitMs = WAIT_MS } = plan
    const until = performance.now() + waitMs
    while (this.#wanted.length > 0) {
      if (this.#wanted.some(({ state }) => state === 'ready')) return false
      const came = await roster.change(Math.max(0, until - performance.now()), signal)
      if (signal.aborted) throw abortedBy(signal)
      if (came && performance.now() < until) continue
      for (const seat of this.#wanted) seat.givenUp = seat.state === 'away'
    }
    if (roster.here.length > 0 || roster.seats.every(({ name }) => this.#ledger.has(name) && this.#ledger.left(name) === 0)) return true
    const why = roster.seats.map(({ name, error = 'it is away' }) => `${name}: ${error}`).join('; ')
    throw failure(
      'unavailable',
      `no member of the training is there (waited ${waitMs} ms): ${why.slice(0, 2000)}; start their nodes, and resume`,
    )
  }

  #numbers(step: number): StepNumbers {
    const { learningRate, schedule = { kind: 'constant' } } = this.#input.spec
    return { step, learningRate: learningRate * rateAt(schedule, step - 1) }
  }
  #stocks(seats: readonly Seat[]): Stock[] {
    return seats.map(({ name, speed }) => ({ ...this.#ledger.of(name), ...(speed !== undefined && { speed }) }))
  }

  /** One step of all, by the mean of the gradients of those who gave theirs. */
  async #step(open: readonly Seat[]): Promise<void> {
    const { plan, roster, training } = this.#input
    const stocks = this.#stocks(open)
    const given =
      plan.balance === 'remaining'
        ? takesByCount(stocks, plan.batchSize)
        : this.#takes.of(
            open.map(({ name }) => name),
            stocks,
            plan.batchSize,
          )
    const takes = this.#input.statistics ? withoutSingles(given, stocks) : given
    const places = new Map(
      open.map((seat, i) => [seat, { epoch: this.#epoch, from: this.#ledger.of(seat.name).next, count: takes[i] ?? 0 }]),
    )
    const { step, learningRate } = this.#numbers(this.#journal.step + 1)
    const answers = await roster.ask(
      roster.here.filter((seat) => this.#behind(seat) !== undefined || (places.get(seat)?.count ?? 0) > 0),
      async (seat) => {
        const [apply, own] = [this.#behind(seat), places.get(seat)]
        const gathered = await seat.step({
          ...(apply !== undefined && { apply }),
          ...(own !== undefined && own.count > 0 && { gather: { ...own, draw: step } }),
        })
        seat.at = step - 1
        return gathered
      },
    )
    const parts = answers.flatMap(({ seat, done }) => (done === null ? [] : [{ seat, done, count: places.get(seat)?.count ?? 0 }]))
    // All who were asked are gone: the step is made by others, or later.
    if (parts.length === 0) return
    const { shares, gradients, statistics } = joined(parts)
    await training.replaceGathered(gradients, statistics)
    await training.apply({ step, learningRate })
    this.#last = { step, learningRate, gradients: Object.fromEntries(gradients), statistics: Object.fromEntries(statistics) }
    this.#state = undefined
    this.#rate = learningRate
    let [loss, correct, counted, samples] = [0, 0, 0, 0]
    for (const [i, { seat, done, count }] of parts.entries()) {
      this.#ledger.take(seat.name, count)
      loss += (shares[i] ?? 0) * done.told.loss
      correct += done.told.correct ?? 0
      counted += done.told.counted ?? 0
      samples += count
    }
    this.#journal.add({ loss, ...(counted > 0 && { correct, counted }) }, samples)
  }
  /** The step that a member has yet to make. */
  #behind({ at }: Seat): Averaged | undefined {
    return this.#last !== undefined && at < this.#last.step ? this.#last : undefined
  }

  /** Steps of each by itself, and the mean of what they lead to, by the samples that went into it. */
  async #round(open: readonly Seat[]): Promise<void> {
    const { plan, roster, training } = this.#input
    const { batchSize, localSteps = LOCAL_STEPS, balance = 'speed' } = plan
    const first = this.#journal.step + 1
    const stocks = this.#stocks(open)
    const steps = roundSteps(stocks, balance, localSteps, batchSize)
    const state = await this.#current()
    const parts = await roster.ask(open, async (seat) => {
      const i = open.indexOf(seat)
      const count = samplesIn(steps[i] ?? 1, batchSize, this.#ledger.left(seat.name))
      const done = await seat.round({
        ...(seat.at < first - 1 && { state }),
        places: { epoch: this.#epoch, from: this.#ledger.of(seat.name).next, count },
        batchSize,
        steps: Array.from({ length: steps[i] ?? 1 }, (_, j) => this.#numbers(first + j)),
      })
      return { ...done, count }
    })
    if (parts.length === 0) return
    const total = parts.reduce((sum, { done }) => sum + done.count, 0)
    const mean = averaged(parts.map(({ done }) => ({ tensors: done.state, share: done.count / total })))
    await training.restore(mean)
    this.#state = Object.fromEntries(mean)
    for (const { seat, done } of parts) this.#ledger.take(seat.name, done.count)
    const most = Math.max(...parts.map(({ done }) => done.told.length))
    for (let j = 0; j < most; j++) {
      const made = parts.flatMap(({ done }) => {
        const told = done.told[j]
        return told === undefined ? [] : [{ told, samples: j === done.told.length - 1 ? done.count - j * batchSize : batchSize }]
      })
      const samples = made.reduce((sum, each) => sum + each.samples, 0)
      const sumOf = (of: (told: (typeof made)[number]) => number) => made.reduce((sum, each) => sum + of(each), 0)
      this.#rate = this.#numbers(first + j).learningRate
      this.#journal.add(
        {
          loss: sumOf(({ told, samples: own }) => (told.loss * own) / samples),
          correct: sumOf(({ told }) => told.correct ?? 0),
          counted: sumOf(({ told }) => told.counted ?? 0),
        },
        samples,
      )
    }
  }

  /** Gives the last state to all, and looks whether they have it. */
  async #bringAll(): Promise<void> {
    const { roster, plan } = this.#input
    const step = this.#journal.step
    if (plan.mode === 'local') {
      const state = await this.#current()
      for (const seat of roster.here) if (seat.at < step) await seat.admit(state, step)
      return
    }
    await roster.ask(roster.here, async (seat) => {
      const apply = this.#behind(seat)
      if (apply !== undefined) await seat.step({ apply })
      seat.at = step
      await seat.askDigest()
    })
    const state = await this.#current()
    const own = digestOf(new Map(Object.entries(state)))
    // Other processors may round otherwise.
    for (const seat of roster.here) {
      seat.drifted = seat.digest !== own
      if (seat.drifted) await seat.admit(state, step)
    }
  }

  async #report(validation?: Measured, whole = false): Promise<ParallelProgress> {
    const { plan, roster } = this.#input
    const batches = Math.ceil(this.#ledger.total / plan.batchSize / (plan.mode === 'local' ? Math.max(1, roster.here.length) : 1))
    const steps = Math.max(this.#journal.step, batches * plan.epochs)
    const members = roster.seats.map(({ name, state, speed, error, digest, drifted }): MemberProgress => {
      const { count, next } = this.#ledger.of(name)
      return {
        name,
        state,
        counted: next,
        samples: count,
        ...(speed !== undefined && { samplesPerSecond: speed }),
        ...(error !== undefined && { error }),
        ...(whole && state === 'here' && digest !== undefined && { digest }),
        ...(whole && drifted && { drifted }),
      }
    })
    const missed = whole ? members.reduce((sum, { samples, counted }) => sum + samples - counted, 0) : 0
    await this.#input.joined()
    const report = await this.#journal.report({ epoch: this.#epoch, steps: this.#journal.status === 'done' ? this.#journal.step : steps, learningRate: this.#rate }, validation) // prettier-ignore
    return { ...report, members, missed }
  }
}

interface Part {
  readonly done: Gathered
  readonly count: number
}
/** Gradients by what their losses weigh, running statistics by samples. @throws `training-diverged` where nothing counts */
const joined = (parts: readonly Part[]) => {
  if (parts.every(({ done }) => done.weights.every((weight) => weight === 0)))
    throw failure('training-diverged', 'no element of a batch counts, so its loss is no number: leave out samples whose labels are all ignored, or take larger batches') // prettier-ignore
  const shares = sharesOf(parts.map(({ done }) => done.weights))
  const gradients = averaged(parts.map(({ done }, i) => ({ tensors: done.gradients, share: shares[i] ?? 0 })))
  const samples = parts.reduce((sum, { count }) => sum + count, 0)
  const statistics = averaged(parts.map(({ done, count }) => ({ tensors: done.statistics, share: count / samples })))
  return { shares, gradients, statistics }
}
