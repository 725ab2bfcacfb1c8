import type { Training, TrainingTold } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import { Interval } from './checkpoints.ts'
import type { Point, Status } from './spec.ts'

/** How far a training has come. */
export interface Progress {
  readonly status: Status
  /** Steps of the optimizer made, and those of the whole plan. */
  readonly step: number
  readonly steps: number
  readonly epoch: number
  readonly epochs: number
  /** Mean over what was trained since the last report; of each step, in `losses`. */
  readonly loss: number
  readonly losses: readonly number[]
  /** The share of right classes since the last report. */
  readonly accuracy?: number
  readonly learningRate: number
  readonly samplesPerSecond: number
  /** Until the plan is done. */
  readonly etaMs: number
  /** After an epoch: on what the plan validates with. */
  readonly validation?: Measured
  /** The step of the last checkpoint on disk; 0 before the first. */
  readonly checkpoint: number
}
export interface Measured {
  readonly loss: number
  readonly accuracy?: number
  readonly samples: number
}

/** The trainer's own turns, as its job makes them. Each throws `fenced` when the job is no longer the one that counts. */
export interface Recorder {
  /** The plan is done. */
  finish(): Promise<void>
  /** Keeps the losses of steps, the first of which is `first`. @returns what the trainer is to do */
  record(first: number, losses: readonly number[]): Promise<Status>
  checkpoint(point: Point, state: ReadonlyMap<string, Tensor>, first: number, losses: readonly number[]): Promise<Status>
}

const REPORT_MS = 500

interface JournalOptions {
  readonly plan: { readonly epochs: number; readonly checkpointEvery?: number }
  readonly recorder: Recorder
  readonly training: Pick<Training, 'state'>
  /** The step that it begins after. */
  readonly step: number
}

/** What a job keeps and tells of its steps: losses, reports, checkpoints. None of it changes a bit of what is trained. */
export class Journal {
  readonly #options: JournalOptions
  readonly #interval = new Interval(performance.now())
  readonly #failures: unknown[] = []
  #saving: Promise<void> | undefined
  /** Losses that are not on disk, and those that no report has told. */
  #losses: number[] = []
  #seen: number[] = []
  #correct = 0
  #counted = 0
  #samples = 0
  #since = performance.now()
  /** When the last step was made: what comes after it, as measuring the model does, counts for no rate. */
  #until = performance.now()
  #step: number
  #kept: number
  #saved: number
  /** What the trainer is to do, as it last said. */
  status: Status = 'running'

  constructor(options: JournalOptions) {
    this.#options = options
    this.#step = this.#kept = this.#saved = options.step
  }
  get step(): number {
    return this.#step
  }

  /** Notes one step. */
  add({ loss, correct = 0, counted = 0 }: TrainingTold, samples: number): void {
    this.#step++
    this.#until = performance.now()
    this.#losses.push(loss)
    this.#seen.push(loss)
    this.#correct += correct
    this.#counted += counted
    this.#samples += samples
  }
  /** @throws what kept a checkpoint from the disk */
  sound(): void {
    if (this.#failures.length > 0) throw this.#failures[0]
  }
  #take(): number[] {
    const taken = this.#losses
    this.#losses = []
    return taken
  }
  #answered(status: Status): void {
    if (this.status === 'running') this.status = status
  }

  /** The step of the last checkpoint, be it on its way to the disk. */
  get saved(): number {
    return this.#saved
  }
  /** Whether a checkpoint is due. @param steps made since it was last asked */
  isDue(point: Point, steps = 1): boolean {
    const every = this.#options.plan.checkpointEvery
    return every === undefined ? this.#interval.due(performance.now()) : Math.floor(point.step / every) > Math.floor((point.step - steps) / every) // prettier-ignore
  }
  /** Makes a checkpoint where one is due. @param steps made since it was last asked */
  async saveWhenDue(point: Point, steps = 1): Promise<void> {
    if (!this.isDue(point, steps) || (this.#saving !== undefined && this.#options.plan.checkpointEvery === undefined)) return
    await this.#saving
    await this.#save(point)
  }
  /** Makes one now, where the last is of an earlier step, and waits until it is on disk. */
  async saveNow(point: Point): Promise<void> {
    await this.#saving
    if (this.#saved !== point.step) await this.#save(point)
    await this.#saving
    this.sound()
  }
  /** The step waits for the copy; what is done with it goes on beside the next ones. */
  async #save(point: Point): Promise<void> {
    const began = performance.now()
    const state = await this.#options.training.state()
    const taken = this.#take()
    this.#saved = point.step
    this.#saving = this.#options.recorder
      .checkpoint(point, state, point.step - taken.length + 1, taken)
      .then((answer) => {
        this.#answered(answer)
        this.#kept = point.step
        this.#interval.took(performance.now() - began, performance.now())
      })
      .catch((error: unknown) => void this.#failures.push(error))
      .finally(() => (this.#saving = undefined))
  }

  get reportDue(): boolean {
    return performance.now() - this.#since >= REPORT_MS
  }
  async report(
    at: { readonly epoch: number; readonly steps: number; readonly learningRate: number },
    validation?: Measured,
  ): Promise<Progress> {
    const pending = this.#take()
    this.#answered(await this.#options.recorder.record(this.#step - pending.length + 1, pending))
    const ms = this.#until - this.#since
    const seen = this.#seen
    const shown: Progress = {
      ...at,
      status: this.status,
      step: this.#step,
      epochs: this.#options.plan.epochs,
      loss: seen.reduce((sum, loss) => sum + loss, 0) / Math.max(1, seen.length),
      losses: seen,
      ...(this.#counted > 0 && { accuracy: this.#correct / this.#counted }),
      samplesPerSecond: (this.#samples * 1000) / Math.max(1, ms),
      etaMs: seen.length === 0 ? 0 : Math.max(0, Math.round((ms / seen.length) * (at.steps - this.#step))),
      ...(validation !== undefined && { validation }),
      checkpoint: this.#kept,
    }
    this.#seen = []
    this.#correct = this.#counted = this.#samples = 0
    this.#since = this.#until = performance.now()
    return shown
  }
}
