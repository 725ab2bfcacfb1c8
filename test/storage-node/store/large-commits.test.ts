import assert from 'node:assert/strict'
import { setImmediate as nextMoment } from 'node:timers/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { createAdmission, defaultAdmission } from '../../../src/storage-node/admission.ts'
import { createCommitQueue } from '../../../src/storage-node/store/commit-queue.ts'
import type { Write } from '../../../src/storage-node/store/store.ts'
import { controlledStore } from './fake-stores.ts'

const sized = (key: string, bytes: number): Write => ({ key, value: Buffer.alloc(bytes) })

test('a large commit is queued after two batches at the most, however many small turns keep the disk busy', async () => {
  // What happens next: a small turn begins, or the disk ends a batch.
  const schedule = fc.array(fc.constantFrom('turn', 'turn', 'turn', 'disk'), { minLength: 20, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(schedule, fc.integer({ min: 2, max: 6 }), async (steps, inside) => {
      const { store, asked } = controlledStore()
      const queue = createCommitQueue(store, { maxPendingBytes: 1000 })
      const turns: Promise<unknown>[] = []
      let begun = 0
      const small = async () => {
        const name = `small-${begun++}`
        await queue.room()
        // A method runs for a while before it commits.
        for (let moment = 0; moment < inside; moment++) await Promise.resolve()
        return queue.commitWithRoom([sized(name, 100)], queue.generation)
      }
      turns.push(small())
      await nextMoment()
      let queued = false
      const large = queue.commitWithRoom([sized('large', 5000)], queue.generation).then((made) => {
        queued = true
        return made
      })
      let batches = 0
      for (const step of steps) {
        if (step === 'turn') turns.push(small())
        else if (asked.length > 0) {
          asked[0]!.succeed()
          if (!queued) batches++
        }
        await nextMoment()
      }
      while (!queued) {
        asked[0]?.succeed()
        batches++
        await nextMoment()
      }
      assert.ok(batches <= 3, `${batches} batches were written first`)
      // Those that began meanwhile go on behind it.
      const all = Promise.all([large, ...turns])
      let done = false
      void all.then(() => (done = true))
      while (!done || asked.length > 0) {
        asked[0]?.succeed()
        await nextMoment()
      }
      assert.equal(queue.get(`small-${begun - 1}`)?.byteLength, 100)
    }),
    { numRuns: 200 },
  )
})

test('a large commit that waits for room is told where the disk takes nothing, or the queue is closed', async () => {
  const { store, next } = controlledStore()
  const queue = createCommitQueue(store, { maxPendingBytes: 1000 })
  queue.commit([sized('a', 100)], 0)
  const large = queue.commitWithRoom([sized('large', 5000)], 0)
  const behind = queue.room()
  ;(await next()).fail(new Error('no disk'))
  await assert.rejects(large, { code: 'storage-failed' })
  await behind
})

test('arguments larger than the limit are let in beside small calls, which come and go all the time', () => {
  const admission = createAdmission({ ...defaultAdmission, bytes: 10_000_000 })
  const small = admission.hold()
  small.take(1000)
  const large = admission.hold()
  large.take(9_000_000)
  large.take(9_000_000)
  const other = admission.hold()
  assert.throws(() => other.take(1_000_000), { code: 'overloaded' })
  large.release()
  other.take(1_000_000)
})
