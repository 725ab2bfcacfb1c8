import { Tensor } from '../../core/tensor.ts'
import type { BatchData } from '../../core/batch.ts'
import { type Code, failure, isActiveStorageError } from '../../core/errors.ts'
import type { Feeds, SessionSelf, Training } from '../../core/self.ts'
import { learningRateAfter } from '../../training/schedule.ts'
import { Interval } from './checkpoints.ts'
import { feedsOf, inputOf, lossesOf } from './feeds.ts'
import type { Recorder } from './journal.ts'
import { ready, type StepPlan, type TrainerSpec, type TrainerState } from './spec.ts'
import { trainingBytes } from './training.ts'
import { attending, steps } from './turns.ts'
import { opened } from './weights.ts'

/** A batch that a caller brings: of a loader, or tensors by the names of the model's inputs and the losses' targets. */
export type StepBatch =
  | Feeds
  | { readonly ids: readonly string[]; readonly data: BatchData; readonly labels?: readonly (string | number)[] }

/** What came of a step. */
export interface Stepped {
  /** Steps of the optimizer made. */
  readonly step: number
  readonly loss: number
  /** The share of right classes in the batch, where the first loss is cross entropy. */
  readonly accuracy?: number
  readonly learningRate: number
  /** The step of the last checkpoint on disk: where training goes on from when the node dies. 0 before the first. */
  readonly checkpoint: number
}

/** A model that is trained by single calls, as a session holds it. */
export class Steps {
  readonly #training: Training
  readonly #spec: TrainerSpec
  readonly #interval = new Interval(performance.now())
  #losses: number[] = []
  #step: number
  #kept: number
  #last: Stepped | undefined

  constructor(training: Training, spec: TrainerSpec, step: number) {
    this.#training = training
    this.#spec = spec
    this.#step = this.#kept = step
  }

  async step(feeds: Feeds, { step, save = false }: StepPlan, recorder: Recorder): Promise<Stepped> {
    const again = step === this.#step && this.#last !== undefined
    if (!again && step !== this.#step + 1)
      throw failure(
        'fenced',
        `step ${step} is not the next one: ${this.#step} are made, so ${this.#step + 1} is; or start again, from the last checkpoint`,
      )
    if (!again) {
      const learningRate = learningRateAfter(this.#spec, this.#step)
      const { loss, correct = 0, counted = 0 } = await this.#training.step(feeds, { step, learningRate })
      this.#step = step
      this.#losses.push(loss)
      this.#last = { step, loss, learningRate, ...(counted > 0 && { accuracy: correct / counted }), checkpoint: this.#kept }
    }
    if (save || (!again && this.#interval.due(performance.now()))) await this.save(recorder)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- there is one: it was made above, or is the last
    return { ...(this.#last as Stepped), checkpoint: this.#kept }
  }

  async save(recorder: Recorder): Promise<number> {
    if (this.#kept === this.#step) return this.#step
    const began = performance.now()
    const { length } = this.#losses
    await recorder.checkpoint({ step: this.#step, epoch: 0, next: 0 }, await this.#training.state(), this.#step - length + 1, this.#losses)
    this.#losses.splice(0, length)
    this.#kept = this.#step
    this.#interval.took(performance.now() - began, performance.now())
    return this.#step
  }

  async close(): Promise<void> {
    await this.#training.close()
  }
}

/** So long one is kept that nobody steps, in ms: a client may evaluate, or think. */
const IDLE_MS = 600_000

type Own = SessionSelf<TrainerState>

/** The session of a run; opened where the step to come is that after the last checkpoint, so that nothing is lost. */
const sessionOf = async (self: Own, key: string, step: number | undefined): Promise<string> => {
  const known = self.sessions.find(steps, key)
  if (known !== undefined) return known
  const kept = self.state.checkpoint?.step ?? 0
  if (step !== kept + 1)
    throw failure(
      'session-ended',
      `run ${self.state.run} is not open here: nobody stepped it for ${IDLE_MS / 60_000} minutes, or the node has started since. Its last checkpoint is of step ${kept}: go on with step ${kept + 1}`,
    )
  const { file, spec } = ready(self.state)
  const options = { key, idleMs: IDLE_MS, bytes: trainingBytes(file.bytes) }
  return self.sessions.open(steps, options, async () => new Steps(await opened(self, self.state), spec, kept))
}

/** Errors after which the model is not open any more, or may not be. */
const GONE: ReadonlySet<Code> = new Set(['worker-died', 'model-crashed', 'internal'])

const using = async <R>(self: Own, key: string, step: number | undefined, work: (stepping: Steps) => Promise<R>): Promise<R> => {
  attending(self.state, key)
  const { run, status } = self.state
  if (status !== 'running') throw failure('fenced', `run ${run} of this trainer is ${status}: start again`)
  const session = await sessionOf(self, key, step)
  try {
    return await self.sessions.use(steps, session, work)
  } catch (error) {
    // The lease ran out in between. Its step may be the one that the last checkpoint waits for.
    if (isActiveStorageError(error, 'session-ended')) return self.sessions.use(steps, await sessionOf(self, key, step), work)
    if (isActiveStorageError(error) && GONE.has(error.code)) await self.sessions.close(session)
    throw error
  }
}

const isNamed = (batch: StepBatch): batch is Feeds => Object.values(batch).every((value) => value instanceof Tensor)

export const stepOf = (self: Own, recorder: Recorder, batch: StepBatch, at: StepPlan): Promise<Stepped> =>
  using(self, at.session, at.step, (stepping) => {
    const { inputs } = self.state
    const { spec } = ready(self.state)
    const named = isNamed(batch)
    const data = named ? batch : batch.data
    const samples = named
      ? Array.from({ length: Object.values(batch)[0]?.shape[0] ?? 0 }, (_, place) => ({ id: String(place) }))
      : batch.ids.map((id, place) => ({ id, ...(batch.labels?.[place] !== undefined && { label: batch.labels[place] }) }))
    const rule = { input: inputOf(inputs, spec.input), losses: lossesOf(spec), classes: at.classes ?? [] }
    return stepping.step(feedsOf(data, samples, rule), at, recorder)
  })

/** @returns the step of the checkpoint */
export const saveOf = async (self: Own, recorder: Recorder, key: string, close = false): Promise<number> => {
  const step = await using(self, key, undefined, (stepping) => stepping.save(recorder))
  const session = close ? self.sessions.find(steps, key) : undefined
  if (session !== undefined) await self.sessions.close(session)
  return step
}
