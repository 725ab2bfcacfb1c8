import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { newCallId, objectId, typeName } from '../../../src/core/ids.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { site } from '../../../src/objects/site.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { startNodeProcess } from '../../storage-node/node-process.ts'
import { linkTo, remote, temporaryFolder } from '../../storage-node/support.ts'
import { network, plan, pointsOf, putPoints, spec } from './material.ts'

const SIZE = 16
const points = pointsOf(160)
/** The batch of a step, as a loader gives it. */
const batchOf = (step: number) => {
  const chosen = points.slice((step - 1) * SIZE, step * SIZE)
  return {
    ids: chosen.map(({ id }) => id),
    data: new Tensor('float32', Float32Array.from(chosen.flatMap(({ bytes }) => [...new Float32Array(bytes.buffer)])), [SIZE, 12]),
    labels: chosen.map(({ label }) => label),
    epoch: 0,
    index: step - 1,
  }
}
const local = (t: TestContext): Transport => {
  const host = createLocalHost({ name: 'node', threads: 1 })
  t.after(() => host.close())
  return host
}
const put = async (link: Transport, name = 'main') => {
  const main = remote(link, trainer, name, { timeoutMs: 60_000 })
  await main.put(network(), spec)
  return main
}
const steps = async (main: Awaited<ReturnType<typeof put>>, session: string, from: number, to: number): Promise<number[]> => {
  const losses: number[] = []
  for (let step = from; step <= to; step++) losses.push((await main.step(batchOf(step), { session, step })).loss)
  return losses
}
/** What a plan over the same batches comes to. */
const planned = async (link: Transport) => {
  await putPoints(link, 160)
  const whole = await put(link, 'planned')
  for await (const report of whole.run(await whole.fit(plan({ epochs: 1, shuffle: false })))) assert.ok(report.step <= 10)
  return { curve: await whole.curve(), file: await whole.export() }
}

test('steps with batches of a caller are those of a plan over the same batches, to the bit', async (t) => {
  const link = local(t)
  const whole = await planned(link)
  const main = await put(link)
  const { session, ...begun } = await main.start()
  assert.deepEqual(begun, { run: 2, step: 0 })
  assert.match(session, /^2\.[0-9a-f-]{36}$/)
  const losses = await steps(main, session, 1, 4)
  // Tensors by name are the same batch.
  const { data, labels } = batchOf(5)
  const named = { x: data, labels: new Tensor('int64', BigInt64Array.from(labels, BigInt), [SIZE]) }
  const fifth = await main.step(named, { session, step: 5 })
  assert.ok(fifth.accuracy !== undefined && fifth.accuracy <= 1)
  // A call whose answer was lost is made again, and done once.
  assert.deepEqual(await main.step(named, { session, step: 5 }), fifth)
  losses.push(fifth.loss, ...(await steps(main, session, 6, 9)))
  const last = await main.step(batchOf(10), { session, step: 10, save: true })
  assert.equal(last.checkpoint, 10)
  assert.deepEqual([...losses, last.loss], whole.curve)
  assert.deepEqual(await main.curve(), whole.curve)
  assert.deepEqual(await main.export(), whole.file)
  assert.equal((await main.status()).status, 'running')
  assert.equal(await main.save(session, { close: true }), 10)
  assert.equal((await main.status()).status, 'interrupted')
})

test(
  'a node that dies loses the steps since the last checkpoint, says so, and goes on from there to the same bits',
  { timeout: 120_000 },
  async (t) => {
    const data = temporaryFolder(t)
    const first = await startNodeProcess(t, ['--data', data, '--threads', '1'])
    const link = linkTo(t, first.address)
    const whole = await planned(link)
    const { run, session } = await (await put(link)).start()
    const main = remote(link, trainer, 'main', { timeoutMs: 60_000 })
    await steps(main, session, 1, 4)
    assert.equal(await main.save(session), 4)
    await steps(main, session, 5, 6)
    first.child.kill('SIGKILL')
    await first.ended
    await link.close()

    const second = await startNodeProcess(t, ['--data', data, '--threads', '1'])
    const again = remote(linkTo(t, second.address), trainer, 'main', { timeoutMs: 60_000 })
    assert.deepEqual([(await again.status()).status, (await again.status()).step], ['interrupted', 4])
    await assert.rejects(again.step(batchOf(7), { session, step: 7 }), {
      code: 'session-ended',
      message: /checkpoint is of step 4: go on with step 5/,
    })
    await assert.rejects(again.save(session), { code: 'session-ended' })
    await steps(again, session, 5, 10)
    await again.save(session)
    assert.deepEqual(await again.curve(), whole.curve)
    assert.deepEqual(await again.export(), whole.file)
    // A caller that has lost count begins anew from the checkpoint.
    const next = await again.start({ resume: true })
    assert.deepEqual([next.run, next.step], [run + 1, 10])
    await assert.rejects(again.step(batchOf(1), { session, step: 11 }), { code: 'fenced', message: /run 3 has begun/ })
    assert.ok((await again.step(batchOf(1), { session: next.session, step: 11 })).loss > 0)
  },
)

test('a step that cannot be made is not made, and may be made otherwise', async (t) => {
  const main = await put(local(t))
  const guessed = { code: 'permission-denied', message: /start/ }
  await assert.rejects(main.step(batchOf(1), { session: '1.guess', step: 1 }), guessed)
  const { session } = await main.start()
  await assert.rejects(main.step(batchOf(1), { session: '2.guess', step: 1 }), guessed)
  await assert.rejects(main.save('guess'), guessed)
  await assert.rejects(main.step(batchOf(2), { session, step: 2 }), { code: 'session-ended', message: /go on with step 1/ })
  const { labels: _, ...bare } = batchOf(1)
  await assert.rejects(main.step(bare, { session, step: 1 }), { code: 'bad-sample', message: /no label/ })
  await assert.rejects(main.step({ x: new Tensor('float32', new Float32Array(4), [2, 2]) }, { session, step: 1 }), { code: 'bad-sample' })
  const wrong = { ...batchOf(1), data: new Tensor('float32', new Float32Array(SIZE * 11), [SIZE, 11]) }
  await assert.rejects(main.step(wrong, { session, step: 1 }), { code: 'tensor-mismatch' })
  const named = ['a', 'b', 'c']
  const letters = { ...batchOf(1), labels: batchOf(1).labels.map((label) => named[label] ?? '') }
  await assert.rejects(main.step(letters, { session, step: 1 }), { code: 'bad-sample', message: /is no class/ })
  const told = await main.step(letters, { session, step: 1, classes: named })
  assert.equal(told.step, 1)
  await assert.rejects(main.step(batchOf(1), { session, step: 3 }), { code: 'fenced', message: /so 2 is/ })
  await main.pause()
  await assert.rejects(main.step(batchOf(2), { session, step: 2 }), { code: 'fenced', message: /paused/ })
})

/** Deletes the trainer "main". */
const deleted = (link: Transport) =>
  link.call({
    type: typeName('trainer'),
    object: objectId('main'),
    method: '$delete',
    kind: 'stateful',
    args: [],
    context: { callId: newCallId(), chain: [] },
  })

test('what a trainer holds open is counted, and ends where it is deleted or begins another run', async (t) => {
  const host = createLocalHost({ name: 'node', threads: 1 })
  t.after(() => host.close())
  const open = () => [host.stats().sessions, host.stats().sessionBytes > network().byteLength]
  const main = await put(host)
  const { session } = await main.start()
  assert.deepEqual(open(), [0, false])
  await steps(main, session, 1, 2)
  assert.deepEqual(open(), [1, true])
  const next = await main.start()
  assert.deepEqual(open(), [0, false])
  await assert.rejects(main.step(batchOf(1), { session, step: 1 }), { code: 'fenced' })
  await steps(main, next.session, 1, 1)
  await deleted(host)
  assert.deepEqual(open(), [0, false])

  await putPoints(host, 160)
  await put(host)
  const reports = main.run(await main.fit(plan({ epochs: 500 })))[Symbol.asyncIterator]()
  await reports.next()
  assert.deepEqual(open(), [1, true])
  await deleted(host)
  const rest = async () => {
    for (let step = await reports.next(); step.done !== true; step = await reports.next()) continue
  }
  await assert.rejects(rest, { code: /session-ended|fenced/ })
  assert.deepEqual(open(), [0, false])
  assert.deepEqual(await remote(host, site).list({ type: 'trainer' }), [])
})
