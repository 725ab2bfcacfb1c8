import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ContentRef } from '../../../src/core/content.ts'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { type ComputeOptions, createCompute } from '../../../src/storage-node/compute/pool.ts'
import { createQuarantine } from '../../../src/storage-node/compute/quarantine.ts'
import { division, endless, hollow, strideless } from './killers.ts'
import { identityModel, opener, shared, source } from './models.ts'

const live = new AbortController().signal
const models = { d: shared(division), e: shared(endless), 5: shared(strideless), a: shared(identityModel([1])) }
const start = (t: TestContext, options: Partial<ComputeOptions> = {}) => {
  const compute = createCompute({ threads: 1, openModel: opener(models), ...options })
  t.after(() => compute.close())
  return compute
}
const wholes = (a: bigint, b: bigint) => ({
  a: new Tensor('int64', BigInt64Array.of(a), [1]),
  b: new Tensor('int64', BigInt64Array.of(b), [1]),
})
const trap = wholes(-(2n ** 63n), -1n)
const one = { x: new Tensor('float32', Float32Array.of(1), [1]) }
const sound = { in0: new Tensor('float32', Float32Array.of(7), [1]) }
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise(setImmediate)
}
const figures = (compute: ReturnType<typeof createCompute>) => {
  const { restarts, crashes, kills } = compute.stats().processes!
  return { restarts, crashes, kills }
}

test('an input that makes onnxruntime trap ends its process, and the next run has another', async (t) => {
  const compute = start(t)
  assert.deepEqual((await compute.run(source('d'), wholes(6n, 3n), live))['y']?.data, BigInt64Array.of(2n))
  await assert.rejects(compute.run(source('d'), trap, live), (error: unknown) => {
    assert.ok(isActiveStorageError(error, 'model-crashed'))
    assert.match(error.text, /d{64}.*SIGFPE/)
    return true
  })
  assert.deepEqual((await compute.run(source('d'), wholes(6n, 3n), live))['y']?.data, BigInt64Array.of(2n))
  assert.deepEqual(figures(compute), { restarts: 1, crashes: 1, kills: 0 })
})

test('a model that traps does so in its process alone: runs beside it come to their ends', async (t) => {
  const compute = start(t, { threads: 2 })
  const [crash, ...others] = await Promise.allSettled([
    compute.run(source('5'), { a: new Tensor('float32', new Float32Array(16), [1, 1, 4, 4]) }, live),
    ...Array.from({ length: 8 }, () => compute.run(source('a'), sound, live)),
  ])
  assert.ok(crash?.status === 'rejected' && isActiveStorageError(crash.reason, 'model-crashed'))
  assert.deepEqual(
    others.map(({ status }) => status),
    others.map(() => 'fulfilled'),
  )
})

test('a run that does not end after its deadline is ended with its process, which no other run feels', async (t) => {
  const compute = start(t, { graceMs: 20 })
  await compute.inspect(source('e'), live)
  await assert.rejects(compute.run(source('e'), one, AbortSignal.timeout(50)), { code: 'deadline-exceeded' })
  await until(() => figures(compute).kills === 1)
  await until(() => compute.stats().abandoned === 0)
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
  assert.deepEqual(figures(compute), { restarts: 1, crashes: 0, kills: 1 })
  assert.deepEqual(compute.stats().processes?.quarantined, [], "a deadline is its caller's: it says nothing of the model")
})

test('a run that ends within the grace keeps its process', async (t) => {
  const compute = start(t, { graceMs: 2 ** 30 })
  const controller = new AbortController()
  await compute.inspect(source('a'), live)
  const run = compute.run(source('a'), sound, controller.signal)
  await until(() => compute.stats().running === 1)
  controller.abort()
  await assert.rejects(run, { code: 'cancelled' })
  await until(() => compute.stats().abandoned === 0)
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
  assert.deepEqual(figures(compute), { restarts: 0, crashes: 0, kills: 0 })
})

test('endless runs occupy no more than their places until they are ended, and the next waits for no more than that', async (t) => {
  const compute = start(t, { graceMs: 20 })
  const lost = [1, 2, 3].map(() => compute.run(source('e'), one, AbortSignal.timeout(50)).catch((error: unknown) => error))
  for (const error of await Promise.all(lost)) assert.ok(isActiveStorageError(error, 'deadline-exceeded'))
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
})

test('closing ends a run that has no end, and its caller hears that the host is stopping', async () => {
  const compute = createCompute({ threads: 1, openModel: opener(models), closeMs: 20 })
  const run = compute.run(source('e'), one, live)
  run.catch(() => undefined)
  await until(() => compute.stats().running === 1)
  await compute.close()
  await assert.rejects(run, { code: 'unavailable', message: /stopping/ })
  assert.equal(compute.stats().processes?.processes, 0)
})

test('a host that is about to stop ends runs that go on for too long, and takes no more', async (t) => {
  const compute = start(t)
  await compute.inspect(source('e'), live)
  const run = compute.run(source('e'), one, live)
  run.catch(() => undefined)
  await until(() => compute.stats().running === 1)
  compute.hurry(20)
  await assert.rejects(run, { code: 'unavailable', message: /stopping/ })
  await assert.rejects(compute.run(source('a'), sound, live), { code: 'unavailable' })
})

test('a model that has ended two processes is refused for ten minutes, and others are not', async (t) => {
  let now = Date.parse('2030-01-01T00:00:00Z')
  const compute = start(t, { quarantine: createQuarantine(() => now) })
  for (let nth = 0; nth < 2; nth++) await assert.rejects(compute.run(source('d'), trap, live), { code: 'model-crashed' })
  const refused = { code: 'model-quarantined', message: /d{64}.*SIGFPE.*until 2030-01-01T00:10:00.000Z/ }
  await assert.rejects(compute.run(source('d'), wholes(6n, 3n), live), refused)
  await assert.rejects(compute.inspect(source('d'), live), refused)
  assert.deepEqual(
    compute.stats().processes?.quarantined.map(({ hash, until: end }) => [hash, end]),
    [['d'.repeat(64), '2030-01-01T00:10:00.000Z']],
  )
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
  now += 600_000
  assert.deepEqual((await compute.run(source('d'), wholes(6n, 3n), live))['y']?.data, BigInt64Array.of(2n))
  assert.deepEqual(compute.stats().processes?.quarantined, [])
})

test('a process that something else ends in the middle of a run fails that run alone', async (t) => {
  const compute = start(t)
  await compute.inspect(source('e'), live)
  const [pid] = compute.pids()
  const run = compute.run(source('e'), one, live)
  run.catch(() => undefined)
  await until(() => compute.stats().running === 1)
  process.kill(pid!, 'SIGKILL')
  await assert.rejects(run, { code: 'model-crashed', message: /SIGKILL/ })
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
})

test('a process that ends while it has no work is replaced without a word', async (t) => {
  const compute = start(t)
  await compute.inspect(source('a'), live)
  process.kill(compute.pids()[0]!, 'SIGKILL')
  await until(() => compute.pids().length === 0)
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
  assert.deepEqual(figures(compute), { restarts: 0, crashes: 0, kills: 0 })
})

test('signals that a terminal or a supervisor sends to all leave compute processes to their work', async (t) => {
  const compute = start(t)
  await compute.inspect(source('a'), live)
  const before = compute.pids()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(before[0]!, signal)
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
  assert.deepEqual(compute.pids(), before)
})

test('large inputs and outputs go through, whole, and their memory is given back', async (t) => {
  const compute = start(t)
  for (const length of [3, 5000, 100_000, 3_000_000, 7]) {
    const data = Float32Array.from({ length }, (_, i) => i)
    const { out0 } = await compute.run(source('a'), { in0: new Tensor('float32', data, [length]) }, live)
    assert.deepEqual(out0?.data, data)
  }
})

test('an input by reference whose file has another length is refused before it is read', async (t) => {
  const compute = start(t, { openContent: () => Promise.resolve(import.meta.filename) })
  const content = {} as ContentRef
  await assert.rejects(compute.run(source('a'), { in0: { content, dtype: 'float32', shape: [3] } }, live), {
    code: 'tensor-mismatch',
    message: /needs 12 bytes/,
  })
})

test('a model of millions of empty parts is refused before onnxruntime reads it', async (t) => {
  const compute = start(t, { openModel: opener({ b: shared(hollow(1, new Uint8Array(), 2_000_000)) }) })
  await assert.rejects(compute.inspect(source('b'), live), { code: 'bad-model', message: /more than 262144 nodes/ })
})

test('outputs larger than the host takes are refused in the process that made them', async (t) => {
  const compute = start(t, { resultBytes: 1_000_000 })
  const data = new Float32Array(300_000)
  await assert.rejects(compute.run(source('a'), { in0: new Tensor('float32', data, [300_000]) }, live), {
    code: 'too-large',
    message: /1200000 bytes/,
  })
  assert.deepEqual((await compute.run(source('a'), sound, live))['out0'], sound.in0)
  assert.equal(figures(compute).crashes, 0)
})

test('a process that takes more memory than one may have is ended, and its run fails as a crash', async (t) => {
  const compute = start(t, { processBytes: 1_000_000 })
  await compute.inspect(source('e'), live)
  const run = compute.run(source('e'), one, live)
  run.catch(() => undefined)
  await until(() => compute.stats().running === 1)
  assert.ok(compute.watchMemory() > 1_000_000)
  await assert.rejects(run, { code: 'model-crashed', message: /bytes of memory, where 1000000 are the most/ })
})
