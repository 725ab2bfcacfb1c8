import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../../src/core/tensor.ts'
import { computeKinds, createCompute } from '../../../src/storage-node/compute/pool.ts'
import { atPath, opener, source, text } from './models.ts'

const live = new AbortController().signal
const picture = (side: number) => ({ x: new Tensor('float32', new Float32Array(3 * side * side), [1, 3, side, side]) })
const slow = picture(1600)
const quick = picture(64)

for (const kind of computeKinds) {
  const start = () => createCompute({ threads: 1, kind, openModel: opener({ e: atPath(text) }) })

  // To end a thread within `session.run` aborts the whole process, this test's too.
  test(`a deadline that passes within a run answers at once, and the process and others go on (${kind})`, async () => {
    const compute = start()
    await compute.run(source('e'), quick, live)
    const late = compute.run(source('e'), slow, AbortSignal.timeout(50))
    await assert.rejects(late, { code: 'deadline-exceeded' })
    assert.deepEqual([compute.stats().running, compute.stats().abandoned], [0, 1])
    const next = compute.run(source('e'), quick, live)
    while (compute.stats().running + compute.stats().queued === 0) await new Promise(setImmediate)
    assert.equal(compute.stats().queued, 0, 'the place of the abandoned run is given to the next')
    const { 'sigmoid_0.tmp_0': output } = await next
    assert.deepEqual(output?.shape, [1, 1, 64, 64])
    await compute.close()
    const { processes: _, ...counts } = compute.stats()
    assert.deepEqual(counts, { workers: 0, running: 0, abandoned: 0, queued: 0, completed: 3 })
  })

  test(`a call that is given up while it waits never reaches a worker (${kind})`, async () => {
    const compute = start()
    const first = compute.run(source('e'), quick, live)
    const controller = new AbortController()
    const second = compute.run(source('e'), quick, controller.signal)
    const third = compute.run(source('e'), quick, live)
    controller.abort()
    await assert.rejects(second, { code: 'cancelled' })
    await Promise.all([first, third])
    await compute.close()
    assert.equal(compute.stats().completed, 2)
  })

  test(`closing lets what runs finish, and refuses what comes after (${kind})`, async () => {
    const compute = start()
    await compute.inspect(source('e'), live)
    const running = compute.run(source('e'), picture(320), live)
    while (compute.stats().running === 0) await new Promise(setImmediate)
    await compute.close()
    assert.deepEqual(Object.keys(await running), ['sigmoid_0.tmp_0'])
    await assert.rejects(compute.run(source('e'), quick, live), { code: 'unavailable' })
  })
}
