import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../../src/core/tensor.ts'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import { linear } from '../../../src/graph/layers.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { createTrainings } from '../../../src/storage-node/compute/training.ts'
import { ProcessLedger } from '../../../src/storage-node/compute/process/ledger.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { remote } from '../../storage-node/support.ts'
import { spec } from './material.ts'

/** A network that adds the quotient of two integers to what it is given: -2^63 / -1 traps. */
const dividing = (): Uint8Array => {
  const b = new GraphBuilder({ name: 'dividing' })
  const x = b.input('x', 'float32', ['N', 3])
  const quotient = b.op('Div', [b.input('a', 'int64', ['N', 1]), b.input('b', 'int64', ['N', 1])])
  const moved = b.op('Add', [x, b.op('Cast', [quotient], { to: 1 })])
  b.output(linear({ b, seed: 1 }, 'one', moved, 2), 'logits')
  return writeGraph({ graph: b.build() })
}
const batch = (a: bigint, b: bigint) => ({
  x: new Tensor('float32', Float32Array.of(1, 2, 3), [1, 3]),
  a: new Tensor('int64', BigInt64Array.of(a), [1, 1]),
  b: new Tensor('int64', BigInt64Array.of(b), [1, 1]),
  labels: new Tensor('int64', BigInt64Array.of(1n), [1]),
})
const program = (seed = 1) => ({ graph: dividing(), options: { loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' } }, seed })
const live = new AbortController().signal
const MIN = -(2n ** 63n)

test('a step that traps ends the process of its model and no other', async (t) => {
  const ledger = new ProcessLedger()
  const trainings = createTrainings({ threads: 1, ledger })
  t.after(() => trainings.close())
  const [one, other] = [await trainings.train(program(), live), await trainings.train(program(2), live)]
  await one.step(batch(6n, 3n), { step: 1, learningRate: 0.1 })
  await assert.rejects(one.step(batch(MIN, -1n), { step: 2, learningRate: 0.1 }), { code: 'model-crashed', message: /SIGFPE/ })
  await assert.rejects(one.state(), { code: 'worker-died' })
  assert.ok((await other.step(batch(6n, 3n), { step: 1, learningRate: 0.1 })).loss > 0)
  assert.equal(trainings.count, 1)
  await one.close()
  await assert.rejects(other.step(batch(MIN, -1n), { step: 2, learningRate: 0.1 }), { code: 'model-crashed' })
  await assert.rejects(trainings.train(program(), live), { code: 'model-quarantined' })
  assert.equal(ledger.figures.quarantined.length, 1)
})

test('processes and threads train to the same bits', async (t) => {
  const states = []
  for (const kind of ['process', 'thread'] as const) {
    const trainings = createTrainings({ threads: 1, kind })
    t.after(() => trainings.close())
    const training = await trainings.train(program(), live)
    const told = []
    for (let step = 1; step <= 3; step++) told.push(await training.step(batch(6n, 3n), { step, learningRate: 0.1 }))
    const { inputs, ...gathered } = await training.gather(batch(1n, 1n), 1, 4)
    await training.replaceGathered(await training.gathered(), await training.statistics())
    await training.apply({ step: 4, learningRate: 0.1 })
    const evaluated = await training.evaluate(batch(4n, 2n), ['logits'])
    const state = await training.state()
    await training.restore(state)
    states.push({ told, inputs, gathered, evaluated, state })
    await training.close()
  }
  assert.deepEqual(states[0], states[1])
})

test('closing ends what is trained, whatever it does', async () => {
  const ledger = new ProcessLedger()
  const trainings = createTrainings({ threads: 1, ledger, closeMs: 2 ** 30 })
  const training = await trainings.train(program(), live)
  const step = training.step(batch(6n, 3n), { step: 1, learningRate: 0.1 })
  await trainings.close()
  assert.ok((await step).loss > 0)
  assert.equal(ledger.figures.processes, 0)
  await assert.rejects(trainings.train(program(), live), { code: 'unavailable' })
})

test('a trainer whose step traps says so, and goes on from its last checkpoint', async (t) => {
  const host = createLocalHost({ name: 'node', threads: 1 })
  t.after(() => host.close())
  const main = remote(host, trainer, 'main', { timeoutMs: 60_000 })
  await main.put(dividing(), { ...spec, optimizer: { kind: 'sgd' } })
  const { session } = await main.start()
  await main.step(batch(6n, 3n), { session, step: 1, save: true })
  await assert.rejects(main.step(batch(MIN, -1n), { session, step: 2 }), { code: 'model-crashed' })
  assert.equal((await main.step(batch(6n, 3n), { session, step: 2 })).step, 2)
})
