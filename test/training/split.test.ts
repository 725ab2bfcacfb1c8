import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { linear } from '../../src/graph/layers.ts'
import { gradientOf } from '../../src/training/names.ts'
import { scalarsOf } from '../../src/training/optimizer.ts'
import { prepare, type TrainOptions } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'
import { splitAt } from '../../src/training/split.ts'
import { apart } from './golden/golden.ts'
import { smallModels } from './models.ts'

const optimizer = { kind: 'adamw' } as const
const runnerOf = ({ graph, options }: { graph: Parameters<typeof prepare>[0]; options: TrainOptions }, threads = 1) =>
  new Runner(ort, prepare(graph, options), { threads, seed: 5 })

/** Results that lie between weights, where the model can be parted. */
const placesIn = (model: (typeof smallModels)[number], options: TrainOptions) =>
  model.graph.nodes.flatMap(({ outputs: [name = ''] }) => {
    try {
      splitAt(model.graph, [name], options)
      return [name]
    } catch {
      return []
    }
  })

for (const model of smallModels)
  test(`${model.name}: a front and a back that are trained apart are the whole, to the bit`, async (t) => {
    const options: TrainOptions = { loss: model.loss, optimizer, groups: [{ match: ['*bias'], weightDecay: 0 }] }
    const places = placesIn(model, options)
    assert.ok(places.length > 0)
    for (const place of [places[0], places[Math.floor(places.length / 2)], places.at(-1)]) {
      const whole = runnerOf({ graph: model.graph, options })
      const halves = splitAt(model.graph, [place!], options)
      const [front, back] = [runnerOf(halves.front), runnerOf(halves.back, 2)]
      for (let step = 1; step <= 4; step++) {
        const batch = model.batch(step, 8)
        const scalars = scalarsOf(optimizer, step, 0.01)
        const told = await whole.step(batch, scalars, step)
        const activations = await front.forward(batch, step)
        const { inputs, loss } = await back.gather({ ...batch, ...activations }, 1, step)
        await front.backward(inputs)
        await Promise.all([front.apply(scalars), back.apply(scalars)])
        assert.equal(loss, told.loss, `step ${step} at ${place}`)
      }
      const states = new Map([...front.state(), ...back.state()])
      assert.deepEqual([...states.keys()].sort(), [...whole.state().keys()].sort())
      for (const [name, { data }] of whole.state()) assert.deepEqual(states.get(name)?.data, data, `${name} at ${place}`)
      await Promise.all([whole.close(), front.close(), back.close()])
    }
    t.diagnostic(`parted at 3 of ${places.length} places`)
  })

test('gradients of both parts are clipped by their norm together', async () => {
  const [model] = smallModels
  assert.ok(model)
  const options: TrainOptions = { loss: model.loss, optimizer: { kind: 'sgd' }, clipNorm: 0.1 }
  const [place = ''] = placesIn(model, options)
  const halves = splitAt(model.graph, [place], options)
  const [whole, front, back] = [runnerOf({ graph: model.graph, options }), runnerOf(halves.front), runnerOf(halves.back)]
  for (let step = 1; step <= 3; step++) {
    const batch = model.batch(step, 8)
    const scalars = scalarsOf({ kind: 'sgd' }, step, 0.5)
    const { norm = 0 } = await whole.step(batch, scalars, step)
    const activations = await front.forward(batch, step)
    const told = await back.gather({ ...batch, ...activations }, 1, step)
    const ahead = await front.backward(told.inputs)
    assert.ok(norm > 0.1)
    assert.ok(Math.abs(Math.hypot(told.norm ?? 0, ahead.norm ?? 0) - norm) < 1e-6 * norm)
    await front.apply(scalars, told.norm)
    await back.apply(scalars, ahead.norm)
  }
  const states = new Map([...front.state(), ...back.state()])
  for (const [name, { data }] of whole.state()) assert.ok(apart(states.get(name)?.data ?? [], data) < 1e-6, name)
  await assert.rejects(front.backward({}), { code: 'invalid-argument', message: /no forward run/ })
  await Promise.all([whole.close(), front.close(), back.close()])
})

test('activations within a budget, and several tensors across, change no bit or little', async () => {
  const b = new GraphBuilder({ name: 'skip' })
  const context = { b, seed: 3 }
  const one = b.op('Tanh', [linear(context, 'one', b.input('x', 'float32', ['N', 12]), 16)], {}, { outputs: ['first'] })
  const two = b.op('Sigmoid', [b.op('Tanh', [b.op('Tanh', [linear(context, 'two', one, 16)])])], {}, { outputs: ['second'] })
  b.output(linear(context, 'three', b.op('Add', [one, two]), 5), 'logits')
  const model = { graph: b.build() }
  const [{ batch } = assert.fail()] = smallModels
  const options: TrainOptions = { loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' }, activationBytes: 1600 }
  assert.throws(() => splitAt(model.graph, ['second'], options), { code: 'invalid-argument', message: /"one\.weight".*all tensors that lead across/ }) // prettier-ignore
  const halves = splitAt(model.graph, ['first', 'second'], options)
  const { activationBytes: _, ...free } = options
  const [whole, front, back] = [runnerOf({ graph: model.graph, options: free }), runnerOf(halves.front), runnerOf(halves.back)]
  for (let step = 1; step <= 3; step++) {
    const feeds = batch(step, 8)
    const scalars = scalarsOf({ kind: 'sgd' }, step, 0.5)
    const told = await whole.step(feeds, scalars, step)
    const gathered = await back.gather({ ...feeds, ...(await front.forward(feeds, step)) }, 1, step)
    assert.deepEqual(Object.keys(gathered.inputs).sort(), [gradientOf('first'), gradientOf('second')])
    await front.backward(gathered.inputs)
    await Promise.all([front.apply(scalars), back.apply(scalars)])
    assert.ok(Math.abs(gathered.loss - told.loss) < 1e-6)
  }
  const states = new Map([...front.state(), ...back.state()])
  for (const [name, { data }] of whole.state()) assert.ok(apart(states.get(name)?.data ?? [], data) < 1e-6, name)
  await Promise.all([whole.close(), front.close(), back.close()])
})

test('a model is not parted where a part has nothing to train, or at no tensor of it', () => {
  const [{ graph, loss } = assert.fail()] = smallModels
  const options: TrainOptions = { loss, optimizer }
  assert.throws(() => splitAt(graph, ['nowhere'], options), { code: 'not-found', message: /"nowhere"/ })
  assert.throws(() => splitAt(graph, ['logits'], options), { code: 'invalid-argument', message: /nothing .* after logits/ })
  assert.throws(() => splitAt(graph, ['x'], options), { code: 'invalid-argument', message: /which is an input/ })
})
