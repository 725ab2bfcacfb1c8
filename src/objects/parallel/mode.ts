import type { Feeds, Training } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import { learningRateAfter } from '../../training/schedule.ts'
import type { Journal } from '../trainer/journal.ts'
import type { TrainerSpec } from '../trainer/spec.ts'
import type { Ledger } from './ledger.ts'
import type { Averaged, StepNumbers } from './member.ts'
import type { ParallelPlan } from './plan.ts'
import type { Roster } from './roster.ts'
import type { Seat } from './seat.ts'
import type { Stock } from './takes.ts'

/** How members get on together: step by step, or in rounds of their own steps. */
export interface Mode {
  /** Makes a step, or a round of them, with those members who have samples left, and counts what went into it. */
  advance(open: readonly Seat[], epoch: number): Promise<void>
  /** Gives the last state to all who are here, and looks whether they have it. */
  bringAll(): Promise<void>
  /** Of the last step. */
  readonly learningRate: number
}
/** What a mode works with. */
export interface Shared {
  readonly plan: ParallelPlan
  readonly spec: TrainerSpec
  readonly roster: Roster
  readonly ledger: Ledger
  readonly journal: Journal
  readonly own: OwnCopy
  /** Whether the model takes statistics of its batches. */
  readonly statistics: boolean
}

/** The coordinator's own copy of the model: the one that counts. */
export class OwnCopy {
  readonly #training: Training
  #state: Feeds | undefined

  constructor(training: Training) {
    this.#training = training
  }
  async state(): Promise<Feeds> {
    return (this.#state ??= Object.fromEntries(await this.#training.state()))
  }
  async apply(gradients: ReadonlyMap<string, Tensor>, statistics: ReadonlyMap<string, Tensor>, at: StepNumbers): Promise<Averaged> {
    await this.#training.replaceGathered(gradients, statistics)
    await this.#training.apply(at)
    this.#state = undefined
    return { ...at, gradients: Object.fromEntries(gradients), statistics: Object.fromEntries(statistics) }
  }
  async restore(state: ReadonlyMap<string, Tensor>): Promise<void> {
    await this.#training.restore(state)
    this.#state = Object.fromEntries(state)
  }
}

/** @param step from 1 */
export const numbersOf = (spec: TrainerSpec, step: number): StepNumbers => ({ step, learningRate: learningRateAfter(spec, step - 1) })
export const stocksOf = (seats: readonly Seat[], ledger: Ledger): Stock[] =>
  seats.map(({ name, speed }) => ({ ...ledger.of(name), ...(speed !== undefined && { speed }) }))
