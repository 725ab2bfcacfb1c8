import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import * as onnx from 'onnxruntime-node'
import { defineObject, type ObjectType } from '../../../src/core/define.ts'
import type { CallReport, Transport } from '../../../src/core/transport.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { readGraph } from '../../../src/graph/read.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import type { Progress } from '../../../src/objects/trainer/job.ts'
import type { FitPlan, TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../../storage-node/support.ts'
import { network, plan, pointsOf, putPoints, spec } from './material.ts'

/** An object that does what the job of the trainer "main" does: it runs on the same host. */
const asJob = defineObject({
  name: 'as-job',
  readonly: {
    record: (self, run: number, first: number, losses: readonly number[]): Promise<string> =>
      self.object(trainer, 'main').record(run, first, losses),
  },
})
const local = (t: TestContext, objects: readonly ObjectType[] = []): Transport => {
  const host = createLocalHost({ name: 'node', threads: 1, objects })
  t.after(() => host.close())
  return host
}
const prepared = async (link: Transport, name = 'main', how: TrainerSpec = spec) => {
  await putPoints(link)
  const main = remote(link, trainer, name)
  await main.put(network(), how)
  return main
}
const all = async (reports: AsyncIterable<Progress>): Promise<Progress[]> => {
  const found: Progress[] = []
  for await (const report of reports) found.push(report)
  return found
}
const fitted = async (main: Awaited<ReturnType<typeof prepared>>, how: FitPlan = plan()) => all(main.run(await main.fit(how)))

test('a trainer goes through its plan, reports, and learns', async (t) => {
  const main = await prepared(local(t))
  const reports = await fitted(
    main,
    plan({ epochs: 8, validate: { split: { part: 'test', test: 0.2 } }, split: { part: 'train', test: 0.2 } }),
  )
  const last = reports.at(-1)!
  const curve = await main.curve()
  assert.equal(last.status, 'done')
  assert.equal(last.step, last.steps)
  assert.equal(curve.length, last.steps)
  assert.deepEqual(
    curve,
    reports.flatMap(({ losses }) => losses),
  )
  assert.ok(curve.at(-1)! < curve[0]! / 2, `the loss fell from ${curve[0]} to ${curve.at(-1)} only`)
  assert.ok((last.validation?.accuracy ?? 0) > 0.8, `accuracy ${last.validation?.accuracy}`)
  const validated = reports.filter(({ validation }) => validation !== undefined)
  assert.deepEqual(
    validated.map(({ epoch }) => epoch),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
  assert.deepEqual(await main.status(), { status: 'done', run: 2, step: last.steps, epoch: 8, epochs: 8 })
  const { batchSize: _, ...source } = plan({ split: { part: 'test', test: 0.2 } })
  const { accuracy } = await main.evaluate({ dataset: source.dataset, pipeline: source.pipeline, split: { part: 'test', test: 0.2 } })
  assert.equal(accuracy, last.validation?.accuracy)
})

test('the losses of a long training are told in parts, however they were reported', async (t) => {
  const link = local(t, [asJob])
  const main = await prepared(link)
  const job = remote(link, asJob)
  const run = await main.fit(plan())
  await assert.rejects(main.record(run, 1, [1]), { code: 'permission-denied', message: /trainer.record is internal/ })
  const losses = Array.from({ length: 12_500 }, (_, i) => 1 / (i + 1))
  // Many small reports, and one as large as a checkpoint after a long silence.
  for (let from = 0; from < 10_500; from += 5) await job.record(run, from + 1, losses.slice(from, from + 5))
  await job.record(run, 10_501, losses.slice(10_500))
  assert.deepEqual(await main.curve(), losses.slice(0, 10_000))
  for (const after of [1, 7000, 10_499, 10_500, 10_501, 11_499, 11_500, 12_499, 12_500, 20_000])
    assert.deepEqual(await main.curve({ after }), losses.slice(after, after + 10_000))
})

test('the same plan gives the same losses to the bit, here and on a node, whenever checkpoints are made', async (t) => {
  const here = await prepared(local(t))
  const node = await startNode(t)
  const there = await prepared(linkTo(t, node.address))
  await fitted(here)
  await fitted(there, plan({ checkpointEvery: 3, keep: 5 }))
  assert.deepEqual(await there.curve(), await here.curve())
  assert.deepEqual(await there.export(), await here.export())
})

test(
  'a training of thousands of batches ends well over a link: what it reports of its stages does not grow',
  { timeout: 900_000 },
  async (t) => {
    const node = await startNode(t)
    const main = await prepared(linkTo(t, node.address))
    const reports = await fitted(main, plan({ batchSize: 2, epochs: 10 }))
    assert.equal(reports.at(-1)?.status, 'done')
    assert.equal(reports.at(-1)?.step, 1500)
  },
)

test('the report of a training names each stage once, however many steps it had', async (t) => {
  const node = await startNode(t)
  const link = linkTo(t, node.address)
  await prepared(link)
  const reports: CallReport[] = []
  const main = remote(link, trainer, 'main', { onReport: (report) => reports.push(report) })
  const [last] = (await fitted(main, plan({ epochs: 3 }))).slice(-1)
  const { stages } = reports.find(({ stages: found }) => found.length > 0) ?? assert.fail('no report')
  assert.equal(stages.length, 2)
  assert.deepEqual(new Set(stages.map(({ key }) => key.split(':')[0])), new Set(['preprocess', 'train']))
  assert.equal(stages.find(({ key }) => key.startsWith('train:'))?.units, last?.step)
})

test('pause and status answer while it trains; resume goes on to the same bits', async (t) => {
  const link = local(t)
  const whole = await prepared(link, 'whole')
  await fitted(whole, plan({ epochs: 30 }))
  const main = await prepared(link, 'parts')
  let seen = 0
  for await (const report of main.run(await main.fit(plan({ epochs: 30 })))) {
    if (seen++ > 0) continue
    assert.equal((await main.status()).status, 'running')
    await main.pause()
    assert.equal(report.status, 'running')
  }
  const paused = await main.status()
  assert.equal(paused.status, 'paused')
  assert.ok(paused.step > 0)
  const rest = await all(main.run(await main.resume()))
  assert.equal(rest.at(-1)?.status, 'done')
  assert.deepEqual(await main.curve(), await whole.curve())
  assert.deepEqual(await main.export(), await whole.export())
})

test('a reader that leaves interrupts it, and an earlier run can no longer speak', async (t) => {
  const link = local(t, [asJob])
  const main = await prepared(link)
  const run = await main.fit(plan({ epochs: 50 }))
  for await (const report of main.run(run)) if (report.step > 0) break
  assert.equal((await main.status()).status, 'interrupted')
  const next = await main.resume()
  await assert.rejects(remote(link, asJob).record(run, 1, [1]), { code: 'fenced' })
  await assert.rejects(all(main.run(run)), { code: 'fenced' })
  const reports = main.run(next)[Symbol.asyncIterator]()
  await reports.next()
  await assert.rejects(main.fit(plan()), { code: 'already-exists' })
  await main.cancel()
  let last: Progress | undefined
  for (let step = await reports.next(); step.done !== true; step = await reports.next()) last = step.value
  assert.equal(last?.status, 'cancelled')
})

test('a plan that is done goes on for more epochs', async (t) => {
  const link = local(t)
  const [whole, main] = [await prepared(link, 'whole'), await prepared(link, 'parts')]
  await fitted(whole, plan({ epochs: 4 }))
  await fitted(main, plan({ epochs: 2 }))
  await assert.rejects(main.resume(), { code: 'invalid-argument', message: /more epochs/ })
  await all(main.run(await main.resume({ epochs: 4 })))
  assert.deepEqual(await main.curve(), await whole.curve())
})

test('the exported model runs in a plain onnxruntime, and gives what the trainer predicts', async (t) => {
  const main = await prepared(local(t))
  await fitted(main)
  const file = await main.export()
  const first = readGraph(network()).graph.initializers
  const trained = readGraph(file).graph.initializers
  assert.deepEqual([...trained.keys()], [...first.keys()])
  assert.notDeepEqual(trained.get('bn.running_mean'), first.get('bn.running_mean'))
  const x = Float32Array.from(pointsOf(8).flatMap(({ bytes }) => [...new Float32Array(bytes.buffer)]))
  const session = await onnx.InferenceSession.create(file, { intraOpNumThreads: 1, graphOptimizationLevel: 'all' })
  const { logits } = await session.run({ x: new onnx.Tensor('float32', x, [8, 12]) })
  const predicted = await main.predict({ x: new Tensor('float32', x, [8, 12]) })
  assert.deepEqual(predicted['logits']?.data, logits?.data)
  await session.release()
})

test('a trained model survives the end of its node', async (t) => {
  const data = temporaryFolder(t)
  const node = await startNode(t, { data })
  const main = await prepared(linkTo(t, node.address))
  await fitted(main)
  const [file, curve] = [await main.export(), await main.curve()]
  await node.close()
  const again = await startNode(t, { data })
  const same = remote(linkTo(t, again.address), trainer)
  assert.deepEqual(await same.export(), file)
  assert.deepEqual(await same.curve(), curve)
  assert.equal((await same.status()).status, 'done')
})

const fails = async (t: TestContext, how: TrainerSpec, what: FitPlan): Promise<unknown> => {
  const main = await prepared(local(t), 'main', how)
  try {
    await fitted(main, what)
  } catch (error) {
    const status = await main.status()
    assert.equal(status.status, 'failed')
    assert.ok(error instanceof Error && status.error?.includes(error.message.slice(0, 40)))
    return error
  }
  return undefined
}
test('what cannot be trained is refused, and says where', async (t) => {
  await assert.rejects(prepared(local(t), 'main', { ...spec, trainable: ['three.*'] }), { code: 'invalid-argument', message: /three\.\*/ })
  await assert.rejects(prepared(local(t), 'main', { ...spec, loss: { kind: 'cross-entropy', output: 'scores' } }), { code: 'invalid-argument', message: /scores.*logits/ }) // prettier-ignore
  const main = remote(local(t), trainer)
  await assert.rejects(main.put(new Uint8Array([1, 2, 3]), spec), { code: 'bad-model' })
  await assert.rejects(main.fit(plan()), { code: 'not-found', message: /put one/ })
  assert.match(String(await fails(t, { ...spec, loss: { kind: 'cross-entropy', classWeights: [1, 1, 1] } }, plan({ dataset: 'other' }))), /not-found/) // prettier-ignore
})

test('activations that cannot be kept within their budget are refused with the least that can, and a budget changes no bit', async (t) => {
  const link = local(t)
  assert.match(String(await fails(t, { ...spec, activationBytes: 100 }, plan())), /too-large.*take \d+ bytes/)
  const [whole, few] = [await prepared(link, 'whole'), await prepared(link, 'few', { ...spec, activationBytes: 5000 })]
  await fitted(whole)
  await fitted(few)
  assert.deepEqual(await few.export(), await whole.export())
})

test('a loss that is no number stops the training, and nothing of the last checkpoint is lost', async (t) => {
  const main = await prepared(local(t), 'main', { ...spec, optimizer: { kind: 'sgd' }, learningRate: 1e38, clipNorm: 1e30, schedule: { kind: 'step', every: [1000] } }) // prettier-ignore
  await assert.rejects(fitted(main, plan({ checkpointEvery: 1 })), { code: 'training-diverged', message: /learning rate/ })
  const { status, error, step } = await main.status()
  assert.equal(status, 'failed')
  assert.match(error ?? '', /training-diverged/)
  for (const tensor of readGraph(await main.export()).graph.initializers.values())
    if (step === 0) assert.ok(Array.from<unknown>(tensor.data).every((value) => Number.isFinite(Number(value))))
})

test('with a frozen part whose features are kept, the weights are the same to the bit', async (t) => {
  const link = local(t)
  const frozen: TrainerSpec = { ...spec, trainable: ['two.*'] }
  const [whole, head, half] = [
    await prepared(link, 'whole', frozen),
    await prepared(link, 'head', frozen),
    await prepared(link, 'half', frozen),
  ]
  const validate = { split: { part: 'test', test: 0.2 } as const }
  const reports = await fitted(whole, plan({ validate }))
  const kept = await fitted(head, plan({ validate, features: 'exact' }))
  assert.deepEqual(await head.curve(), await whole.curve())
  assert.deepEqual(await head.export(), await whole.export())
  assert.deepEqual(kept.at(-1)?.validation, reports.at(-1)?.validation)
  await fitted(half, plan({ features: 'float16' }))
  const [rounded, exact] = [await half.curve(), await whole.curve()]
  assert.notDeepEqual(rounded, exact)
  for (const [step, loss] of rounded.entries()) assert.ok(Math.abs(loss - exact[step]!) < 0.01, `step ${step}: ${loss} for ${exact[step]}`)
  await assert.rejects(fitted(await prepared(link, 'all'), plan({ features: 'exact' })), { code: 'invalid-argument', message: /frozen/ })
})
