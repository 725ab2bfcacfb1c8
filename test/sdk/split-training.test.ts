import { randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import * as onnx from 'onnxruntime-node'
import { Tensor } from '../../src/core/tensor.ts'
import type { Progress } from '../../src/objects/trainer/journal.ts'
import type { FitPlan, TrainerSpec } from '../../src/objects/trainer/spec.ts'
import { trainer } from '../../src/objects/trainer/trainer.ts'
import { type SplitOptions, splitTraining } from '../../src/sdk/split-training.ts'
import { createLocalHost } from '../../src/storage-node/local-host.ts'
import { network, plan, pointsOf, putPoints, spec } from '../objects/trainer/material.ts'
import { startNodeProcess } from '../storage-node/node-process.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../storage-node/support.ts'

const LONG = { timeoutMs: 600_000 }
/** Behind the first layer and its normalization; the mask is the back's there, and the front's at the other. */
const CUT = 'Relu.out'
const LATER = 'Dropout.out'

const at = (t: TestContext, address: string) => {
  const link = linkTo(t, address)
  return { link, at: (name: string) => remote(link, trainer, name, LONG) }
}
const started = async (t: TestContext) => at(t, (await startNode(t)).address)
/** In a process of its own, which can be killed. */
const mortal = async (t: TestContext, data: string) => {
  const node = await startNodeProcess(t, ['--data', data, '--threads', '1'])
  return { ...node, ...at(t, node.address) }
}
type Trainer = ReturnType<Awaited<ReturnType<typeof started>>['at']>
const put = async (main: Trainer, how: TrainerSpec = spec) => (await main.put(network(), how), main)
const whole = async (main: Trainer, how: FitPlan) => {
  for await (const report of (await put(main)).run(await main.fit(how))) assert.ok(report.loss > 0)
  return { curve: await main.curve(), file: await main.export() }
}
const split = async (main: Trainer, run: number, options: Partial<SplitOptions> = {}) => {
  const reports: Progress[] = []
  for await (const report of splitTraining(main, run, { cut: CUT, ...options })) reports.push(report)
  return { reports, curve: await main.curve(), file: await main.export() }
}

test(
  'a training that is split has the losses and weights of one that is not, to the bit, and gives one file',
  { timeout: 900_000 },
  async (t) => {
    const { link, at } = await started(t)
    await putPoints(link)
    const wanted = await whole(at('whole'), plan({ epochs: 2 }))
    for (const cut of [CUT, LATER]) {
      const main = await put(at('split'))
      const { reports, curve, file } = await split(main, await main.fit(plan({ epochs: 2, checkpointEvery: 7 })), { cut })
      assert.deepEqual(curve, wanted.curve)
      assert.deepEqual(file, wanted.file)
      const last = reports.at(-1)
      assert.deepEqual([last?.status, last?.step, last?.steps, last?.checkpoint], ['done', 38, 38, 38])
      assert.deepEqual(reports.flatMap(({ losses }) => losses), curve) // prettier-ignore
      assert.equal((await main.status()).status, 'done')
      const x = Float32Array.from(pointsOf(8).flatMap(({ bytes }) => [...new Float32Array(bytes.buffer)]))
      const outputs = []
      for (const model of [file, wanted.file]) {
        const session = await onnx.InferenceSession.create(model, { intraOpNumThreads: 1 })
        outputs.push((await session.run({ x: new onnx.Tensor('float32', x, [8, 12]) }))['logits']?.data)
        await session.release()
      }
      assert.deepEqual(outputs[0], outputs[1])
    }
  },
)

test('labels may stay with the back', { timeout: 900_000 }, async (t) => {
  const { link, at } = await started(t)
  await putPoints(link)
  const labels = new Map(pointsOf(300).map(({ id, label }) => [id, label]))
  const wanted = await whole(at('whole'), plan({ epochs: 1 }))
  const main = await put(at('split'))
  let asked = 0
  const targets = (ids: readonly string[]) => {
    asked++
    return {
      labels: new Tensor(
        'int64',
        BigInt64Array.from(ids, (id) => BigInt(labels.get(id) ?? -1)),
        [ids.length],
      ),
    }
  }
  const { curve, file } = await split(main, await main.fit(plan({ epochs: 1 })), { targets, threads: 2 })
  assert.equal(asked, 19)
  assert.deepEqual({ curve, file }, wanted)
})

test('a node that dies ends it with a typed error, and both parts go on from the last checkpoint', { timeout: 900_000 }, async (t) => {
  const data = temporaryFolder(t)
  const how = plan({ epochs: 8, checkpointEvery: 5 })
  const first = await mortal(t, data)
  await putPoints(first.link)
  const wanted = await whole(first.at('whole'), how)
  const main = await put(first.at('split'))
  const run = await main.fit(how)
  const killed = (async () => {
    for await (const report of splitTraining(main, run, { cut: CUT })) if (report.checkpoint > 0) first.child.kill('SIGKILL')
  })()
  await assert.rejects(killed, { code: 'unavailable' })
  await first.ended
  await first.link.close()

  const second = await mortal(t, data)
  const again = second.at('split')
  const { status, step } = await again.status()
  assert.equal(status, 'interrupted')
  assert.ok(step >= 5 && step < wanted.curve.length, `the checkpoint is of step ${step}`)
  // Split elsewhere, the same bits come of it.
  const { curve, file } = await split(again, await again.resume(), { cut: LATER })
  assert.deepEqual({ curve, file }, wanted)
})

test('a pause makes a checkpoint of both parts, from which it goes on in one piece', { timeout: 900_000 }, async (t) => {
  const { link, at } = await started(t)
  await putPoints(link)
  const how = plan({ epochs: 12 })
  const wanted = await whole(at('whole'), how)
  const main = await put(at('split'))
  let last: Progress | undefined
  for await (const report of splitTraining(main, await main.fit(how), { cut: CUT })) {
    if (last === undefined) await main.pause()
    last = report
  }
  assert.equal(last?.status, 'paused')
  assert.equal((await main.status()).step, last?.step)
  for await (const report of main.run(await main.resume())) assert.ok(report.step > (last?.step ?? 0))
  assert.deepEqual({ curve: await main.curve(), file: await main.export() }, wanted)
})

test('what cannot be split is refused, and what fails in the back is known at the trainer', { timeout: 900_000 }, async (t) => {
  const { link, at } = await started(t)
  await putPoints(link)
  const main = await put(at('main'))
  const refused = async (how: Partial<FitPlan>, options: Partial<SplitOptions>, code: string, message: RegExp) =>
    assert.rejects(async () => split(main, await main.fit(plan(how)), options), { code, message })
  await refused({ features: 'exact' }, {}, 'unsupported', /`features`/)
  await refused({ accumulate: 2 }, {}, 'unsupported', /larger batchSize/)
  await refused({}, { cut: 'nowhere' }, 'not-found', /"nowhere"/)
  await refused({}, { cut: 'logits' }, 'invalid-argument', /nothing .* after logits/)
  assert.equal((await main.status()).status, 'failed')
  const wrong = () => ({ labels: new Tensor('int64', new BigInt64Array(3), [3]) })
  await refused({}, { targets: wrong }, 'tensor-mismatch', /"labels"/)
  const { status, error } = await main.status()
  assert.equal(status, 'failed')
  assert.match(error ?? '', /tensor-mismatch.*"labels"/)
  // A call that the training does not wait for.
  const run = await main.fit(plan())
  await assert.rejects(main.backward('guess', 1, {}, { loss: 1 }), { code: 'permission-denied', message: /trainer.backward is internal/ })
  await assert.rejects(main.backward(randomUUID(), 1, {}, { loss: 1 }), { code: 'session-ended' })
  const items = main.front(run, { cut: [CUT] })[Symbol.asyncIterator]()
  const begin = await items.next()
  const session = begin.value?.kind === 'begin' ? begin.value.session : assert.fail('no session')
  const batch = await items.next()
  assert.equal(batch.value?.kind, 'batch')
  await assert.rejects(main.backward(session, 2, {}, { loss: 1 }), { code: 'fenced', message: /the gradients of step 1/ })
  await assert.rejects(main.keepBack(session, 1, {}), { code: 'fenced' })
  await assert.rejects(main.backward(session, 1, {}, { loss: 1 }), { code: 'tensor-mismatch', message: /gradient\/Relu.out/ })
  await assert.rejects(async () => items.next(), { code: 'tensor-mismatch' })
})

test('a reader that leaves in the middle of a step interrupts it', async (t) => {
  const host = createLocalHost({ name: 'node', threads: 1 })
  t.after(() => host.close())
  await putPoints(host)
  const main = await put(remote(host, trainer, 'main'))
  for await (const item of main.front(await main.fit(plan()), { cut: [CUT] })) if (item.kind === 'batch') break
  assert.equal((await main.status()).status, 'interrupted')
  for await (const { loss } of splitTraining(main, await main.resume(), { cut: CUT })) assert.ok(loss > 0)
  assert.equal((await main.status()).status, 'done')
})
