import { createHash } from 'node:crypto'
import { abortedBy, failure } from '../../core/errors.ts'
import { type Closable, sessionKind } from '../../core/host-session.ts'
import { permutation } from '../../core/random.ts'
import { eachSliced } from '../../core/slices.ts'
import type { Feeds, SessionSelf, Training, TrainingTold } from '../../core/self.ts'
import { bytesOf, type Tensor } from '../../core/tensor.ts'
import { readGraph } from '../../graph/read.ts'
import { weightsOf } from '../../training/shares.ts'
import { prefetching } from '../loader/prefetching.ts'
import { lossesOf } from '../trainer/feeds.ts'
import { batchOf, type Source } from '../trainer/job.ts'
import { sourceOf } from '../trainer/source.ts'
import type { TrainerSpec } from '../trainer/spec.ts'
import { openTraining, trainingBytes } from '../trainer/training.ts'
import type { Gathered, Places, RoundAsk, RoundDone, Shard, ShardDescription, StepAsk } from './member.ts'

type Self = SessionSelf<unknown>

/** A model open for a coordinator. */
interface Session extends Closable {
  readonly training: Training
  readonly source: Source
  readonly spec: TrainerSpec
  readonly shard: Shard
  /** The order of the last epoch. */
  order?: { readonly epoch: number; readonly places: Uint32Array }
  /** The batch that will likely be asked for next. */
  ahead?: { readonly places: string; readonly feeds: Promise<Feeds> }
}

const models = sessionKind<Session>('model')

/** Of plain names, in an order of their own. */
export const digestOf = (state: ReadonlyMap<string, Tensor>): string => {
  const hash = createHash('sha256')
  for (const [name, tensor] of [...state].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${name}\n`).update(bytesOf(tensor))
  return hash.digest('hex')
}

export const open = async (
  self: Self,
  key: string,
  graph: Uint8Array,
  spec: TrainerSpec,
  shard: Shard,
): Promise<ShardDescription & { readonly session: string }> => {
  const inputs = [...readGraph(graph).graph.inputs.keys()]
  const found = await sourceOf(self, { inputs, spec }, shard)
  const source = shard.classes === undefined ? found : { ...found, rule: { ...found.rule, classes: shard.classes } }
  const session = await self.sessions.open(models, { key, bytes: trainingBytes(graph.byteLength) }, async () => {
    const training = await openTraining(self, graph, spec, { seed: shard.maskSeed })
    return { training, source, spec, shard, close: () => training.close() }
  })
  const digest = createHash('sha256')
  await eachSliced(source.samples, ({ id }) => digest.update(`${id}\n`))
  return { session, count: source.samples.length, digest: digest.digest('hex'), classes: found.rule.classes }
}

const keyOf = ({ epoch, from, count }: Places) => `${epoch} ${from} ${count}`

const feedsAt = async (self: Self, session: Session, places: Places): Promise<Feeds> => {
  const { source, shard } = session
  const { samples } = source
  if (places.from + places.count > samples.length)
    throw failure('invalid-argument', `samples ${places.from} to ${places.from + places.count} of an epoch that has ${samples.length}`)
  if (session.order?.epoch !== places.epoch)
    session.order = { epoch: places.epoch, places: shard.shuffle ? await permutation(shard.seed, places.epoch, samples.length) : Uint32Array.from(samples.keys()) } // prettier-ignore
  const chosen = [...session.order.places.subarray(places.from, places.from + places.count)].flatMap((place) => samples[place] ?? [])
  return batchOf(self, source, chosen, { seed: shard.seed, epoch: places.epoch }, shard.cache)
}

const gather = async (self: Self, session: Session, { draw, ...places }: Places & { readonly draw: number }): Promise<Gathered> => {
  const began = performance.now()
  const { training, spec, source } = session
  const made = session.ahead?.places === keyOf(places) ? session.ahead.feeds : feedsAt(self, session, places)
  delete session.ahead
  const feeds = await made
  const weights = weightsOf(lossesOf(spec), feeds)
  const next = { ...places, from: places.from + places.count }
  // Made within this call, whose time and signal it has, while the thread computes gradients.
  const ahead = next.from + next.count <= source.samples.length ? feedsAt(self, session, next) : undefined
  // A batch that could not be made is told of when it is asked for.
  if (ahead !== undefined) session.ahead = { places: keyOf(next), feeds: ahead }
  const settled = ahead?.catch(() => delete session.ahead)
  const counts = weights.some((weight) => weight > 0)
  const told: TrainingTold = counts ? await training.gather(feeds, 1, draw) : { loss: 0, correct: 0, counted: 0 }
  const gradients = counts ? Object.fromEntries(await training.gathered()) : {}
  const statistics = Object.fromEntries(await training.statistics())
  await settled
  return { told, weights, gradients, statistics, ms: performance.now() - began }
}

const asMap = (tensors: Feeds) => new Map(Object.entries(tensors))

export const step = (self: Self, id: string, turn: number, { apply, gather: places }: StepAsk): Promise<Gathered | null> =>
  self.sessions.use(
    models,
    id,
    async (session) => {
      if (apply !== undefined) {
        await session.training.replaceGathered(asMap(apply.gradients), asMap(apply.statistics))
        await session.training.apply({ step: apply.step, learningRate: apply.learningRate })
      }
      return places === undefined ? null : gather(self, session, places)
    },
    turn,
  )

export const round = (self: Self, id: string, turn: number, { state, places, batchSize, steps }: RoundAsk): Promise<RoundDone> =>
  self.sessions.use(
    models,
    id,
    async (session) => {
      const began = performance.now()
      const { training } = session
      if (state !== undefined) await training.restore(asMap(state))
      const told: TrainingTold[] = []
      const batches = prefetching(steps.length, 2, (index) => {
        const from = places.from + index * batchSize
        const count = index === steps.length - 1 ? places.from + places.count - from : batchSize
        return feedsAt(self, session, { epoch: places.epoch, from, count })
      })
      for await (const feeds of batches) {
        if (self.signal.aborted) throw abortedBy(self.signal)
        const at = steps[told.length]
        if (at !== undefined) told.push(await training.step(feeds, at))
      }
      return { told, state: Object.fromEntries(await training.state()), ms: performance.now() - began }
    },
    turn,
  )

export const restore = (self: Self, id: string, turn: number, state: Feeds): Promise<string> =>
  self.sessions.use(
    models,
    id,
    async ({ training }) => {
      await training.restore(asMap(state))
      return digestOf(await training.state())
    },
    turn,
  )
export const digest = (self: Self, id: string): Promise<string> =>
  self.sessions.use(models, id, async ({ training }) => digestOf(await training.state()))
export const close = (self: Self, id: string): Promise<void> => self.sessions.close(id)
