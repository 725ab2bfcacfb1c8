import { abortedBy, failure } from '../../core/errors.ts'
import { type Closable, sessionKind } from '../../core/host-session.ts'
import type { Feeds, SessionSelf, TrainingTold } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { Value } from '../../core/value.ts'
import { readGraph } from '../../graph/read.ts'
import { writeGraph } from '../../graph/write.ts'
import { targetOf } from '../../training/loss.ts'
import { prepare, type Prepared } from '../../training/prepare.ts'
import { learningRateAfter } from '../../training/schedule.ts'
import { splitAt } from '../../training/split.ts'
import { prefetching } from '../loader/prefetching.ts'
import { readState } from './checkpoints.ts'
import { Exchange } from './exchange.ts'
import { AHEAD, batchOf } from './job.ts'
import { Journal, type Progress, type Recorder } from './journal.ts'
import { orderOf } from './order.ts'
import { sourceOf } from './source.ts'
import { type FitPlan, type Point, ready, type SplitPlan, type TrainerState } from './spec.ts'
import { settledSpec } from './weights.ts'
import { openTraining, plainOptions } from './training.ts'

/** What the front of a model tells whoever has its back. */
export type FrontItem =
  /** The back as it is at first: its graph, how it is trained, and its part of a checkpoint. */
  | {
      readonly kind: 'begin'
      /** By which `backward`, `keepBack` and `failBack` are called. */
      readonly session: string
      readonly model: Uint8Array
      readonly options: Value
      readonly seed: number
      readonly state: Feeds | null
    }
  /** Activations, inputs of the model that the back takes, and targets, unless the back has them: it answers by `backward`. */
  | { readonly kind: 'batch'; readonly step: number; readonly learningRate: number; readonly feeds: Feeds; readonly ids: readonly string[] }
  /** A checkpoint is due: it answers by `keepBack`. */
  | { readonly kind: 'keep'; readonly step: number }
  | { readonly kind: 'report'; readonly progress: Progress }

type Own = SessionSelf<TrainerState>

/** The front of a model, whose back is elsewhere. */
interface Front extends Closable {
  readonly run: number
  readonly exchange: Exchange
}
const fronts = sessionKind<Front>('front')

/** The gradients of a step's activations, and what the back tells of it. @returns the norm of the front's own gradients */
export const deliverGradients = (self: Own, session: string, step: number, given: { gradients: Feeds; told: TrainingTold }) =>
  self.sessions.use(fronts, session, ({ exchange }) => exchange.deliver<typeof given, { norm: number }>('gradients', step, given))
export const deliverState = (self: Own, session: string, step: number, state: Feeds) =>
  self.sessions.use(fronts, session, ({ exchange }) => exchange.deliver<Feeds, null>('state', step, state))
/** The run that a front belongs to. */
export const runOfFront = (self: Own, session: string): Promise<number> =>
  self.sessions.use(fronts, session, ({ run }) => Promise.resolve(run))

const checkPlan = (plan: FitPlan): void => {
  const other = (['features', 'validate', 'accumulate'] as const).find((name) => plan[name] !== undefined && plan[name] !== 1)
  if (other === undefined) return
  const instead = { features: 'the front is trained too', validate: 'call `evaluate` between runs', accumulate: 'use a larger batchSize' }
  throw failure('unsupported', `a training that is split does not take \`${other}\`: ${instead[other]}`)
}

/** @throws `tensor-mismatch` for the state of another back */
const checkState = ({ initial }: Prepared, state: Feeds): void => {
  for (const [name, { shape }] of initial)
    if (state[name]?.dtype !== 'float32' || state[name].shape.join() !== shape.join())
      throw failure('tensor-mismatch', `the state of the back has no "${name}" of float32 [${shape.join(', ')}]`)
  const other = Object.keys(state).find((name) => !initial.has(name))
  if (other !== undefined) throw failure('tensor-mismatch', `the state of the back has "${other}", which is none of it`)
}

/** Goes through a plan with the front of the model here, and the back where this is read. Both make the bits of the whole. */
export async function* runFront(self: Own, run: number, { cut, labels = true }: SplitPlan, recorder: Recorder): AsyncGenerator<FrontItem> {
  const { state } = self
  const { file } = ready(state)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schema when it was put; `jobOf` has seen that there is one
  const plan = state.plan as FitPlan
  checkPlan(plan)
  const model = await self.content.read(file, self.signal)
  const spec = settledSpec(state, model)
  const { front, back, passed } = splitAt(readGraph(model).graph, cut, spec)
  const prepared = prepare(back.graph, back.options)
  const found = await sourceOf(self, { inputs: state.inputs, spec }, plan)
  const source = labels ? found : { ...found, rule: { ...found.rule, losses: [] } }
  const across = [...passed, ...(labels ? found.rule.losses.map(targetOf) : [])]
  const kept = state.checkpoint === null ? undefined : await readState(self.content, state.checkpoint, self.signal)
  const seed = spec.seed ?? 0
  const training = await openTraining(self, writeGraph({ graph: front.graph }), front.options, { seed, state: kept })
  const exchange = new Exchange()
  const own = { run, exchange, close: () => Promise.resolve() }
  const session = await self.sessions.open(fronts, { untilCallEnds: true }, () => Promise.resolve(own))
  try {
    const from = state.checkpoint ?? { step: 0, epoch: 0, next: 0 }
    const { seed: drawn, steps, inEpoch } = orderOf(source.samples, plan)
    // A checkpoint has both parts: that of the back comes before it is made.
    let backState: ReadonlyMap<string, Tensor> = new Map()
    const both = { state: async () => new Map([...(await training.state()), ...backState]) }
    const journal = new Journal({ plan, recorder, training: both, step: from.step })
    async function* keep(at: Point): AsyncGenerator<FrontItem> {
      if (journal.saved === at.step) return
      const taken = exchange.expect('state', at.step, async (given: Feeds) => {
        checkState(prepared, given)
        backState = new Map(Object.entries(given))
        await journal.saveNow(at)
        return null
      }, self.signal) // prettier-ignore
      yield { kind: 'keep', step: at.step }
      await taken
    }
    const backs = kept === undefined ? null : Object.fromEntries([...kept].filter(([name]) => prepared.initial.has(name)))
    yield { kind: 'begin', session, model: writeGraph({ graph: back.graph }), options: plainOptions(back.options), seed, state: backs }
    let learningRate = 0
    for (let { epoch } = from; epoch < plan.epochs; epoch++) {
      const batches = await inEpoch(epoch)
      const first = epoch === from.epoch ? from.next : 0
      const made = prefetching(batches.length - first, AHEAD, (index) =>
        batchOf(self, source, batches[first + index] ?? [], { seed: drawn, epoch }, plan.cache),
      )
      let index = first
      for await (const feeds of made) {
        if (self.signal.aborted) throw abortedBy(self.signal)
        const chosen = batches[index++] ?? []
        const step = journal.step + 1
        learningRate = learningRateAfter(spec, journal.step)
        const activations = await training.forward(feeds, step)
        const crossing = Object.fromEntries(across.flatMap((name) => (feeds[name] === undefined ? [] : [[name, feeds[name]]])))
        const at = { step, learningRate }
        const done = exchange.expect('gradients', step, async ({ gradients, told }: { gradients: Feeds; told: TrainingTold }) => {
          const { norm = 0 } = await training.backward(gradients)
          await training.apply(at, told.norm)
          journal.add(told, chosen.length)
          return { norm }
        }, self.signal) // prettier-ignore
        yield { kind: 'batch', ...at, feeds: { ...crossing, ...activations }, ids: chosen.map(({ id }) => id) }
        await done
        const point = index < batches.length ? { step, epoch, next: index } : { step, epoch: epoch + 1, next: 0 }
        if (journal.isDue(point)) yield* keep(point)
        if (journal.reportDue && index < batches.length) yield { kind: 'report', progress: await journal.report({ epoch, steps, learningRate }) } // prettier-ignore
        if (journal.status !== 'running') {
          yield* keep(point)
          yield { kind: 'report', progress: await journal.report({ epoch, steps, learningRate }) }
          return
        }
      }
      if (epoch === plan.epochs - 1) {
        yield* keep({ step: journal.step, epoch: epoch + 1, next: 0 })
        await recorder.finish()
        journal.status = 'done'
      }
      yield { kind: 'report', progress: await journal.report({ epoch, steps, learningRate }) }
    }
  } finally {
    await self.sessions.close(session)
    await training.close()
  }
}
