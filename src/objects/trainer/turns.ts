import { randomUUID } from 'node:crypto'
import type { ObjectType } from '../../core/define.ts'
import { failure, isActiveStorageError, toFailure } from '../../core/errors.ts'
import { type Closable, sessionKind } from '../../core/host-session.ts'
import { integer, list, number, object, oneOf, optional, record, string, tensor } from '../../core/schema.ts'
import type { DeepReadonly, Feeds, ReadonlySelf, Self, SessionSelf } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { ModelHandle } from '../model/forward.ts'
import { inputOf } from './feeds.ts'
import type { Recorder } from './journal.ts'
import { type Role, roleKinds } from '../../training/roles/kinds.ts'
import type { RoleReport } from '../../training/roles/report.ts'
import type { RolesAsked } from './roles.ts'
import { point, type Point, ready, type Status, type Trained, type TrainerSpec } from './spec.ts'
import type { Steps } from './stepping.ts'
import { openTraining, trainingBytes } from './training.ts'

/** What a trainer is doing. */
export interface TrainerStatus {
  /** `interrupted`: it was running when its node ended, or its reader left; `resume` goes on. */
  readonly status: Status | 'interrupted'
  readonly run: number
  /** Of the last checkpoint. */
  readonly step: number
  readonly epoch: number
  readonly epochs: number
  /** Why it failed. */
  readonly error?: string
}

// Loaded by the host that trains, not by clients that know of the type.
const work = () => import('./work.ts')

/** Losses by the first step of each block, and how many a block holds at the most. */
const CURVE = 'curve'
const BLOCK = 1000
/** Losses in one answer. */
const TOLD = 10_000
const keyOf = (step: number): string => String(step).padStart(12, '0')

/** The job of a run that is under way: its session ends with it. */
const job = sessionKind<Closable>('job')
/** A model that is open for steps that a caller brings. */
export const steps = sessionKind<Steps>('steps')

/** Whether a job of this object is under way on this host. */
export const isTraining = (self: Pick<ReadonlySelf<Trained>, 'isOpen'> & { readonly state: DeepReadonly<Trained> }): boolean =>
  self.state.status === 'running' && self.isOpen(job)

/** The methods that are for the job alone. */
interface Own {
  record(run: number, first: number, losses: readonly number[]): Promise<Status>
  checkpoint(run: number, at: Point, state: Feeds, first: number, losses: readonly number[]): Promise<Status>
  finish(run: number): Promise<void>
  fail(run: number, text: string): Promise<void>
}
/** The turns of this very trainer, for its job. */
export const recorderOf = (
  self: ReadonlySelf<Trained>,
  type: ObjectType,
  run: number,
): Recorder & { fail(text: string): Promise<void> } => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written out, since the type of the object would be made of itself
  const own = self.object(type, self.id) as unknown as Own
  return {
    record: (first, losses) => own.record(run, first, losses),
    checkpoint: (at, state, first, losses) => own.checkpoint(run, at, Object.fromEntries(state), first, losses),
    finish: () => own.finish(run),
    fail: (text) => own.fail(run, text),
  }
}

/** Does the work of a run, one at a time, and notes why it failed. */
export async function* jobOf<P>(
  self: SessionSelf<Trained>,
  type: ObjectType,
  run: number,
  work: (recorder: Recorder) => AsyncGenerator<P>,
): AsyncGenerator<P> {
  fenced(self.state, run)
  if (self.state.status !== 'running' || self.state.plan === null) throw failure('fenced', `run ${run} of this trainer is over`)
  if (self.isOpen(job)) throw failure('already-exists', `run ${run} of this trainer is under way`)
  const over = new AbortController()
  const holding = { close: () => Promise.resolve(over.abort()) }
  const bytes = trainingBytes(ready(self.state).file.bytes)
  const session = await self.sessions.open(job, { taken: 'refuse', untilCallEnds: true, bytes }, () => Promise.resolve(holding))
  const recorder = recorderOf(self, type, run)
  try {
    for await (const item of work(recorder)) {
      // Its object was deleted, or has moved, or the host ends: nothing that it makes could be kept.
      if (over.signal.aborted) throw failure('session-ended', `run ${run} has ended here: the trainer is gone, or the node is stopping`)
      yield item
    }
  } catch (error) {
    // A reader that left has interrupted it, which is no failure.
    // Nor is the end of its object, which a note would make anew.
    if (!self.signal.aborted && !over.signal.aborted && !isActiveStorageError(error, 'fenced'))
      await recorder.fail(toFailure(error).message).catch(() => undefined)
    throw error
  } finally {
    await self.sessions.close(session)
  }
}

/** The session of steps has the run and a text that cannot be guessed. */
export const newStepsSession = (run: number): string => `${run}.${randomUUID()}`
/** @throws `fenced` for the session of an earlier run; `permission-denied` for what is none */
export const attending = (state: DeepReadonly<Trained>, session: string): void => {
  if (session === state.session) return
  const run = /^(\d+)\./.exec(session)?.[1]
  if (run !== undefined && Number(run) < state.run) fenced(state, Number(run))
  throw failure('permission-denied', 'this is no session of this trainer: give the one that `start` has returned')
}

export const fenced = (state: DeepReadonly<Trained>, run: number): void => {
  if (state.run !== run) throw failure('fenced', `run ${run} of this trainer is over: run ${state.run} has begun since`)
}
/** Ends the steps that a caller makes: another run begins, or another model is there. */
const endSteps = (self: Self<Trained>): Promise<void> => {
  const open = self.state.session === undefined ? undefined : self.sessions.find(steps, self.state.session)
  delete self.state.session
  return open === undefined ? Promise.resolve() : self.sessions.close(open)
}
const begin = (self: Self<Trained>): number => {
  endSteps(self).catch(() => undefined)
  self.state.status = 'running'
  self.state.error = null
  return ++self.state.run
}
const note = (self: Self<Trained>, first: number, losses: readonly number[]): void => {
  for (let from = 0; from < losses.length; from += BLOCK)
    self.table<number[]>(CURVE).put(keyOf(first + from), losses.slice(from, from + BLOCK))
}
/** Losses of steps that are made again. */
const forget = (self: Self<Trained>, after: number): void => {
  const table = self.table<number[]>(CURVE)
  for (;;) {
    const page = table.entries({ after: keyOf(after), limit: 1000 })
    for (const [key] of page) table.delete(key)
    if (page.length < 1000) break
  }
}

/** Takes a model and how it is trained in the place of what was there. @returns what is trained of it, and what is doubtful */
export const takeModel = async (self: Self<Trained>, given: Uint8Array | ModelHandle, spec: TrainerSpec): Promise<RoleReport> => {
  if (isTraining(self)) throw failure('already-exists', 'the trainer is training: cancel that first')
  const { decisionOf, oneFile, readGraph, reportOf } = await work()
  const file = await oneFile(self, given)
  const model = readGraph(file)
  const { graph } = model
  inputOf([...graph.inputs.keys()], spec.input)
  const decision = decisionOf(model, spec)
  // Decided once: parts of the model that are trained elsewhere have none of the notes by which it was.
  const decided = { trainable: [...decision.trainable], paddingRows: Object.fromEntries(decision.padding) }
  await (await openTraining(self, file, { ...spec, ...decided }, { seed: spec.seed })).close()
  endSteps(self).catch(() => undefined)
  forget(self, 0)
  Object.assign(self.state, {
    file: await self.content.put(file),
    inputs: [...graph.inputs.keys()],
    spec,
    decided,
    plan: null,
    status: 'new',
    error: null,
    checkpoint: null,
    earlier: [],
  })
  self.state.run++
  return reportOf(decision)
}
/** Begins a plan from the model's first weights. @returns the number of the run */
export const beginPlan = <P extends Trained['plan']>(self: Self<Omit<Trained, 'plan'> & { plan: P | null }>, plan: P): number => {
  ready(self.state)
  if (isTraining(self)) throw failure('already-exists', 'the trainer is training: pause or cancel that first')
  forget(self, 0)
  Object.assign(self.state, { plan, checkpoint: null, earlier: [] })
  return begin(self)
}

/** Begins steps with batches that callers bring. @returns the run, the session of its steps, and the steps that are made */
export const beginSteps = async (
  self: Self<Trained>,
  { resume = false }: { resume?: boolean } = {},
): Promise<{ run: number; session: string; step: number }> => {
  ready(self.state)
  if (isTraining(self)) throw failure('already-exists', 'the trainer is training: pause or cancel that first')
  // Its model is closed before the next is opened: a host takes few.
  await endSteps(self)
  if (!resume) Object.assign(self.state, { checkpoint: null, earlier: [] })
  self.state.plan = null
  const step = self.state.checkpoint?.step ?? 0
  forget(self, step)
  const run = begin(self)
  const session = newStepsSession(run)
  self.state.session = session
  return { run, session, step }
}

/** The turns that all trainers have. */
export const turns = {
  /**
   * Goes on from the last checkpoint, after a pause, a failure, or the end of the node; or for more epochs where the plan is done.
   * @returns the number for `run`
   */
  resume(self: Self<Trained>, more: { epochs?: number } = {}): number {
    ready(self.state)
    const { plan, status, checkpoint: kept } = self.state
    if (plan === null) throw failure('not-found', 'nothing was begun: fit a plan')
    if (isTraining(self)) throw failure('already-exists', 'the trainer is training already')
    if (status === 'done' && (more.epochs ?? plan.epochs) <= plan.epochs)
      throw failure('invalid-argument', `the plan of ${plan.epochs} epochs is done: resume with more epochs, or fit anew`)
    if (more.epochs !== undefined) self.state.plan = { ...plan, epochs: more.epochs }
    forget(self, kept?.step ?? 0)
    return begin(self)
  },
  /** Lets the job make a checkpoint and end. It answers at once; `run` gives its last report a moment later. */
  pause(self: Self<Trained>): void {
    if (self.state.status === 'running') self.state.status = 'paused'
  },
  cancel(self: Self<Trained>): void {
    if (self.state.status === 'running' || self.state.status === 'paused') self.state.status = 'cancelled'
  },
  /** For the job alone. */
  record(self: Self<Trained>, run: number, first: number, losses: readonly number[]): Status {
    fenced(self.state, run)
    note(self, first, losses)
    return self.state.status
  },
  /** For the job alone: one atomic checkpoint. */
  async checkpoint(self: Self<Trained>, run: number, at: Point, state: Feeds, first: number, losses: readonly number[]): Promise<Status> {
    fenced(self.state, run)
    const kept = await (await work()).keepState(self.content, new Map(Object.entries(state)))
    const before = self.state.checkpoint
    const most = self.state.plan?.keep ?? 2
    if (before !== null) self.state.earlier = [before, ...self.state.earlier].slice(0, most - 1)
    self.state.checkpoint = { ...at, ...kept, at: Date.now() }
    note(self, first, losses)
    return self.state.status
  },
  /** For the job alone. */
  finish(self: Self<Trained>, run: number): void {
    fenced(self.state, run)
    self.state.status = 'done'
  },
  /** For the job alone. */
  fail(self: Self<Trained>, run: number, text: string): void {
    if (self.state.run !== run) return
    self.state.status = 'failed'
    self.state.error = text.slice(0, 4000)
  },
}

/** What all trainers tell. */
export const views = {
  status(self: ReadonlySelf<Trained>): TrainerStatus {
    const { status, run, checkpoint: kept, plan, error } = self.state
    return {
      status: status === 'running' && !isTraining(self) && !self.isOpen(steps) ? 'interrupted' : status,
      run,
      step: kept?.step ?? 0,
      epoch: kept?.epoch ?? 0,
      epochs: plan?.epochs ?? 0,
      ...(error !== null && { error }),
    }
  },
  /** Losses of steps, in order, from the one after step `after` (default 0): 10,000 at the most, so ask again after the last. */
  curve(self: ReadonlySelf<Trained>, { after = 0 }: { after?: number } = {}): readonly number[] {
    const table = self.table<number[]>(CURVE)
    const found: number[] = []
    // The block that holds the step may begin so far before it.
    let key = keyOf(Math.max(0, after + 1 - BLOCK))
    for (;;) {
      const page = table.entries({ after: key, limit: 100 })
      for (const [first, losses] of page) found.push(...losses.slice(Math.max(0, after + 1 - Number(first))))
      const last = page.at(-1)
      if (last === undefined || found.length >= TOLD) return found.slice(0, TOLD)
      key = last[0]
    }
  },
  /** The model's outputs for named inputs, with the weights of the last checkpoint. */
  async predict(self: ReadonlySelf<Trained>, feeds: Feeds): Promise<Readonly<Record<string, Tensor>>> {
    const file = await self.content.keepLarge(await (await work()).exported(self))
    return self.compute.run({ hash: file.hash, file, external: [] }, feeds, self.signal)
  },
  /** What is trained of the model, what is not and why, and what is doubtful: the first 50 tensors of each kind. */
  describe: async (self: ReadonlySelf<Trained>): Promise<TrainerStatus & { readonly tensors: RoleReport | null }> => ({
    ...views.status(self),
    tensors: self.state.file === null ? null : await (await work()).describeRoles(self, self.state),
  }),
  /** Tensors of the model with what they are in training and why, in the order of the file: 1000 at the most, so ask again with `skip`. */
  tensors: async (self: ReadonlySelf<Trained>, asked: RolesAsked = {}): Promise<readonly Role[]> =>
    (await work()).listRoles(self, self.state, asked),
  /** The model with the weights of the last checkpoint: an ONNX file, as it was put but for them. */
  export: async (self: ReadonlySelf<Trained>): Promise<Uint8Array> => (await work()).exported(self),
}

export const turnArguments = {
  resume: [optional(object({ epochs: optional(integer({ minimum: 1 })) }))],
  pause: [],
  cancel: [],
  record: [integer(), integer(), list(number())],
  checkpoint: [integer(), point, record(tensor()), integer(), list(number())],
  finish: [integer()],
  fail: [integer(), string()],
  status: [],
  describe: [],
  tensors: [optional(object({ kind: optional(oneOf(roleKinds)), skip: optional(integer({ minimum: 0 })), limit: optional(integer({ minimum: 1, maximum: 1000 })) }))], // prettier-ignore
  curve: [optional(object({ after: optional(integer({ minimum: 0 })) }))],
  predict: [record(tensor())],
  export: [],
} as const

/** The turns that are for the job of the trainer alone. */
export const internalTurns = ['record', 'checkpoint', 'finish', 'fail'] as const
