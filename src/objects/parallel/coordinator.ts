import { abortedBy, failure } from '../../core/errors.ts'
import type { Training } from '../../core/self.ts'
import { Journal, type Measured, type Recorder } from '../trainer/journal.ts'
import type { Point, TrainerSpec } from '../trainer/spec.ts'
import { type Kept, Ledger } from './ledger.ts'
import { LocalSteps } from './local.ts'
import { type Mode, OwnCopy } from './mode.ts'
import type { ParallelPlan } from './plan.ts'
import { membersOf, type ParallelProgress } from './progress.ts'
import { ofMember, type Roster } from './roster.ts'
import type { Seat } from './seat.ts'
import { Synchronous } from './synchronous.ts'

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

const WAIT_MS = 60_000

/**
 * Leads members through a plan. Its own copy of the model is the one that counts: a step is made when it has made it, and
 * counted with it in one checkpoint. Members that fail, or come, are given that copy's state.
 */
export class Coordinator {
  readonly #input: CoordinatorInput
  readonly #ledger: Ledger
  readonly #journal: Journal
  readonly #own: OwnCopy
  readonly #mode: Mode
  #epoch: number

  constructor(input: CoordinatorInput) {
    this.#input = input
    const { plan, recorder, training, from } = input
    this.#ledger = new Ledger(from?.ledger)
    this.#epoch = from?.epoch ?? 0
    this.#journal = new Journal({ plan, recorder, training, step: from?.step ?? 0 })
    this.#own = new OwnCopy(training)
    const shared = { ...input, ledger: this.#ledger, journal: this.#journal, own: this.#own }
    this.#mode = plan.mode === 'local' ? new LocalSteps(shared) : new Synchronous(shared)
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
        await this.#mode.advance(open, this.#epoch)
        await this.#journal.saveWhenDue(this.#point(), this.#journal.step - before)
        if (this.#journal.status !== 'running') {
          await this.#journal.saveNow(this.#point())
          return yield await this.#report()
        }
        if (this.#journal.reportDue) yield await this.#report()
      }
      await this.#mode.bringAll()
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
    return this.#input.roster.admit(this.#ledger, this.#journal.step, () => this.#own.state())
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

  async #report(validation?: Measured, whole = false): Promise<ParallelProgress> {
    const { plan, roster } = this.#input
    const batches = Math.ceil(this.#ledger.total / plan.batchSize / (plan.mode === 'local' ? Math.max(1, roster.here.length) : 1))
    const steps = Math.max(this.#journal.step, batches * plan.epochs)
    const members = membersOf(roster.seats, this.#ledger, whole)
    const missed = whole ? members.reduce((sum, { samples, counted }) => sum + samples - counted, 0) : 0
    await this.#input.joined()
    const report = await this.#journal.report({ epoch: this.#epoch, steps: this.#journal.status === 'done' ? this.#journal.step : steps, learningRate: this.#mode.learningRate }, validation) // prettier-ignore
    return { ...report, members, missed }
  }
}
