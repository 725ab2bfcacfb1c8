import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { type Code, isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Optimizer } from '../../src/training/optimizer.ts'
import { scalarsOf } from '../../src/training/optimizer.ts'
import { prepare, type TrainOptions } from '../../src/training/prepare.ts'
import type { Feeds } from '../../src/training/feeds.ts'
import { Runner } from '../../src/training/runner.ts'
import { apart } from './golden/golden.ts'
import { rowsOf, rowWise, smallModels } from './models.ts'

const adam: Optimizer = { kind: 'adamw' }
const [mlp] = smallModels
assert.ok(mlp)

const runnerOf = (options: Partial<TrainOptions> = {}, threads = 1, model = mlp) =>
  new Runner(ort, prepare(model.graph, { loss: model.loss, optimizer: adam, ...options }), { threads, seed: 5 })
/** A copy of all that training has changed. */
const copyOf = (runner: Runner) => new Map([...runner.state()].map(([name, { data }]) => [name, data.slice()]))

const says =
  (code: Code, ...words: readonly string[]) =>
  (error: unknown) =>
    isActiveStorageError(error, code) && words.every((word) => error.message.includes(word))

for (const model of smallModels)
  test(`${model.name}: one thread and two give the same bits, and the loss falls`, async () => {
    const run = async (threads: number) => {
      const runner = runnerOf({ clipNorm: 5 }, threads, model)
      const losses: number[] = []
      // The same batch again and again, so that falling is sure.
      for (let step = 1; step <= 12; step++) losses.push((await runner.step(model.batch(0, 8), scalarsOf(adam, step, 0.01), step)).loss)
      const state = copyOf(runner)
      await runner.close()
      return { losses, state }
    }
    const [one, two] = [await run(1), await run(2)]
    assert.deepEqual(two.losses, one.losses)
    assert.deepEqual(two.state, one.state)
    assert.ok((one.losses.at(-1) ?? 1) < (one.losses[0] ?? 0) * 0.9, one.losses.join(' '))
  })

for (const model of rowWise)
  test(`${model.name}: batches that are gathered by their shares make the step of the joined batch`, async () => {
    // Not Adam, which makes whole steps of a gradient that is zero but for rounding.
    const optimizer = { kind: 'sgd', momentum: 0.9 } as const
    const [whole, parts] = [runnerOf({ clipNorm: 0.5, optimizer }, 1, model), runnerOf({ clipNorm: 0.5, optimizer }, 1, model)]
    for (let step = 1; step <= 3; step++) {
      const batch = model.batch(step, 9)
      const told = await whole.step(batch, scalarsOf(optimizer, step, 0.1), step)
      let loss = 0
      for (const [from, to] of [
        [0, 4],
        [4, 7],
        [7, 9],
      ] as const)
        // prettier-ignore
        loss += ((await parts.gather(rowsOf(batch, from, to), (to - from) / 9, step)).loss * (to - from)) / 9
      const { norm } = await parts.apply(scalarsOf(optimizer, step, 0.1))
      assert.ok(apart([loss], [told.loss]) < 1e-5)
      assert.ok(apart([norm ?? 0], [told.norm ?? 0]) < 1e-5)
    }
    for (const [name, { data }] of whole.state()) assert.ok(apart(parts.state().get(name)?.data ?? [], data) < 1e-5, name)
    await Promise.all([whole.close(), parts.close()])
  })

test('a thread that would be left with one row of a batch does not change its bits', async () => {
  const model = smallModels.find(({ name }) => name === 'lstm')
  assert.ok(model)
  const states = []
  for (const threads of [1, 2]) {
    const runner = runnerOf({}, threads, model)
    for (let step = 1; step <= 3; step++) await runner.step(model.batch(step, 3), scalarsOf(adam, step, 0.01), step)
    states.push(copyOf(runner))
    await runner.close()
  }
  assert.deepEqual(states[1], states[0])
})

test('state that is written where it lies is that of a run with buffers of its own', async () => {
  const [step, apart2] = [runnerOf({ clipNorm: 1 }), runnerOf({ clipNorm: 1 })]
  for (let n = 1; n <= 4; n++) {
    await step.step(mlp.batch(n, 8), scalarsOf(adam, n, 0.01), n)
    await apart2.gather(mlp.batch(n, 8), 1, n)
    await apart2.apply(scalarsOf(adam, n, 0.01))
  }
  assert.deepEqual(copyOf(apart2), copyOf(step))
  await Promise.all([step.close(), apart2.close()])
})

test('masks are drawn by seed and step: the same step again has the same loss', async () => {
  const runner = runnerOf()
  const loss = async (draw: number) => (await runner.gather(mlp.batch(0, 8), 1, draw)).loss
  const [first, second, again] = [await loss(1), await loss(2), await loss(1)]
  assert.equal(again, first)
  assert.notEqual(second, first)
  const [evaluated, twice] = [await runner.evaluate(mlp.batch(0, 8)), await runner.evaluate(mlp.batch(0, 8))]
  assert.equal(evaluated.loss, twice.loss)
  await runner.close()
})

test('statistics of BatchNormalization move with each batch, and evaluation uses them', async () => {
  const model = smallModels.find(({ name }) => name === 'resnet-8')
  assert.ok(model)
  const runner = runnerOf({}, 1, model)
  const at = () => [...(runner.state().get('bn1.running_mean')?.data ?? [])]
  const fresh = at()
  await runner.gather(model.batch(0, 4), 1, 1)
  const moved = at()
  assert.notDeepEqual(moved, fresh)
  await runner.evaluate(model.batch(1, 4))
  assert.deepEqual(at(), moved)
  await runner.close()
})

test('running statistics keep nine tenths of what they were', async () => {
  const model = smallModels.find(({ name }) => name === 'resnet-8')
  assert.ok(model)
  const meansAfter = async (...batches: readonly number[]) => {
    const runner = runnerOf({}, 1, model)
    for (const batch of batches) await runner.gather(model.batch(batch, 4), 1, 1)
    const means = [...(runner.state().get('bn1.running_mean')?.data ?? [])]
    await runner.close()
    return means
  }
  const [first, second, both] = [await meansAfter(0), await meansAfter(1), await meansAfter(0, 1)]
  // They begin at 0.
  const wanted = first.map((mean, i) => 0.9 * mean + (second[i] ?? 0))
  assert.ok(apart(both, wanted) < 1e-6, `${both.join(' ')} for ${wanted.join(' ')}`)
})

test('evaluate gives the outputs that are named, predict needs no targets, and neither changes the state', async () => {
  const runner = runnerOf()
  const before = copyOf(runner)
  const { labels, ...inputs } = mlp.batch(0, 8)
  const { outputs, counted } = await runner.evaluate({ ...inputs, labels: labels ?? inputs['x']! }, ['logits'])
  assert.equal(counted, 8)
  assert.deepEqual(await runner.predict(inputs), outputs)
  assert.deepEqual(outputs['logits']?.shape, [8, 5])
  await assert.rejects(runner.predict(inputs, ['nothing']), says('invalid-argument', '"nothing"', 'logits'))
  assert.deepEqual(copyOf(runner), before)
  await runner.close()
})

test('state can be taken elsewhere, and goes on there to the bit', async () => {
  const [here, there] = [runnerOf(), runnerOf()]
  const go = (runner: Runner, n: number) => runner.step(mlp.batch(n, 8), scalarsOf(adam, n, 0.01), n)
  await go(here, 1)
  there.restore(here.state())
  await Promise.all([go(here, 2), go(there, 2)])
  assert.deepEqual(copyOf(there), copyOf(here))
  const partly = new Map([...here.state()].slice(1))
  assert.throws(() => there.restore(partly), says('tensor-mismatch', 'another model'))
  assert.deepEqual(copyOf(there), copyOf(here))
  await Promise.all([here.close(), there.close()])
})

test('a batch that does not fit is refused by name, and changes nothing', async () => {
  const runner = runnerOf()
  const good = mlp.batch(0, 8)
  const before = copyOf(runner)
  const refused = async (feeds: Feeds, code: Code, ...words: readonly string[]) => {
    await assert.rejects(runner.step(feeds, scalarsOf(adam, 1, 0.1), 1), says(code, ...words))
    assert.deepEqual(copyOf(runner), before)
  }
  const labels = (...numbers: readonly number[]) => new Tensor('int64', BigInt64Array.from(numbers, BigInt), [8])
  await refused({ ...good, labels: labels(0, 1, 2, 5, 1, 1, 1, 1) }, 'invalid-argument', 'class 5 at 3', '0 to 4')
  await refused({ ...good, labels: labels(0, -1, 2, 4, 1, 1, 1, 1) }, 'invalid-argument', 'class -1 at 1')
  await refused({ ...good, labels: new Tensor('float32', new Float32Array(8), [8]) }, 'tensor-mismatch', '"labels"', 'int64 [8]')
  await refused({ ...good, labels: new Tensor('int64', new BigInt64Array(7), [7]) }, 'tensor-mismatch', '"labels"')
  await refused({ x: good['x']! }, 'tensor-mismatch', 'no "labels"')
  await refused({ labels: good['labels']! }, 'tensor-mismatch', 'no "x"')
  await refused({ ...good, x: new Tensor('float32', new Float32Array(8 * 11), [8, 11]) }, 'tensor-mismatch', '"x"', '[8, 12]')
  await refused({ ...good, x: new Tensor('float32', new Float32Array(8), [8]) }, 'tensor-mismatch', '"x"')
  await runner.close()
})

test('a loss that is no number, or gradients that are none, leave state and sums as they were', async () => {
  const runner = runnerOf()
  const good = mlp.batch(0, 8)
  await runner.step(good, scalarsOf(adam, 1, 0.01), 1)
  await runner.gather(good, 0.5, 2)
  const [state, sums] = [copyOf(runner), [...runner.gathered()].map(([name, data]) => [name, data.slice()])]
  const bad = { ...good, x: new Tensor('float32', new Float32Array(8 * 12).fill(Number.NaN), [8, 12]) }
  await assert.rejects(runner.step(bad, scalarsOf(adam, 2, 0.01), 2), says('training-diverged', 'step 2', 'learning rate'))
  await assert.rejects(runner.gather(bad, 0.5, 2), says('training-diverged'))
  assert.deepEqual(copyOf(runner), state)
  assert.deepEqual([...runner.gathered()], sums)
  // Finite itself, and its gradients are not.
  runner.gathered().get('0.weight')?.fill(3e38)
  await assert.rejects(runner.apply(scalarsOf(adam, 2, 0.01)), says('training-diverged', 'norm'))
  assert.deepEqual(copyOf(runner), state)
  await runner.close()
})

test('more sizes of batches than sessions are kept of can be trained on', async () => {
  const runner = runnerOf()
  for (let step = 1; step <= 20; step++) await runner.step(mlp.batch(step, 1 + (step % 11)), scalarsOf(adam, step, 0.01), step)
  await runner.close()
})
