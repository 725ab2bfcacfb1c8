import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import { linear } from '../../../src/graph/layers.ts'
import { readGraph } from '../../../src/graph/read.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import type { FitPlan, TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { remote } from '../../storage-node/support.ts'
import { apart } from '../../training/golden/golden.ts'
import { network, plan, putPoints, spec } from './material.ts'

const local = (t: TestContext) => {
  const host = createLocalHost({ name: 'node', threads: 1 })
  t.after(() => host.close())
  return host
}
/** No statistics of batches, no masks: what a step is does not depend on how its samples are parted. */
const plain = (): Uint8Array => {
  const b = new GraphBuilder({ name: 'plain' })
  const context = { b, seed: 3 }
  const hidden = b.op('Tanh', [linear(context, 'one', b.input('x', 'float32', ['N', 12]), 24)])
  b.output(linear(context, 'two', hidden, 3), 'logits')
  return writeGraph({ graph: b.build() })
}
const weighted: TrainerSpec = {
  ...spec,
  loss: { kind: 'cross-entropy', classWeights: [1, 3, 0.25], labelSmoothing: 0.1 },
  optimizer: { kind: 'sgd', momentum: 0.9 },
  learningRate: 0.05,
}
const trained = async (host: ReturnType<typeof local>, name: string, model: Uint8Array, how: TrainerSpec, what: FitPlan) => {
  const main = remote(host, trainer, name)
  await main.put(model, how)
  let steps = 0
  for await (const report of main.run(await main.fit(what))) steps = report.steps
  return { steps, curve: await main.curve(), file: await main.export() }
}

test('batches that are accumulated make the steps of their joined batch, with weights of classes too', async (t) => {
  const host = local(t)
  // The last step of an epoch has 12 samples: a batch of 8, and one of 4.
  await putPoints(host)
  const whole = await trained(host, 'whole', plain(), weighted, plan({ batchSize: 32, epochs: 3 }))
  const parts = await trained(host, 'parts', plain(), weighted, plan({ batchSize: 8, accumulate: 4, epochs: 3 }))
  assert.equal(whole.steps, 30)
  assert.equal(parts.steps, 30)
  assert.ok(apart(parts.curve, whole.curve) < 1e-5, `${apart(parts.curve, whole.curve)}`)
  const [weights, wanted] = [readGraph(parts.file).graph.initializers, readGraph(whole.file).graph.initializers]
  for (const [name, { data }] of wanted) assert.ok(apart([...(weights.get(name)?.data ?? [])].map(Number), [...data].map(Number)) < 1e-5, name) // prettier-ignore
  const one = await trained(host, 'one', plain(), weighted, plan({ batchSize: 32, accumulate: 1, epochs: 3 }))
  assert.deepEqual(one, whole)
})

test('checkpoints fall between steps: what was paused and interrupted ends with the same bits', async (t) => {
  const host = local(t)
  await putPoints(host)
  const how = plan({ batchSize: 8, accumulate: 3, epochs: 6, checkpointEvery: 2 })
  const whole = await trained(host, 'whole', network(), spec, how)
  assert.equal(whole.curve.length, 13 * 6)
  const main = remote(host, trainer, 'parts')
  await main.put(network(), spec)
  // Paused after its first report.
  for await (const { status } of main.run(await main.fit(how))) if (status === 'running') await main.pause()
  const { step } = await main.status()
  assert.ok(step > 0 && step < 78, `paused at step ${step}`)
  // A reader that leaves at the end of an epoch.
  for await (const report of main.run(await main.resume())) if (report.status === 'running') break
  assert.equal((await main.status()).status, 'interrupted')
  for await (const report of main.run(await main.resume())) assert.ok(report.step <= 78)
  assert.deepEqual(await main.curve(), whole.curve)
  assert.deepEqual(await main.export(), whole.file)
})
