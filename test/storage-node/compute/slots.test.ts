import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure } from '../../../src/core/errors.ts'
import { createSlots } from '../../../src/storage-node/compute/slots.ts'

const live = new AbortController().signal

test('places are given in the order of asking, and one given back twice counts once', async () => {
  const slots = createSlots(1)
  const log: string[] = []
  const release = await slots.take(live)
  const second = slots.take(live).then((give) => (log.push('second'), give))
  const third = slots.take(live).then((give) => (log.push('third'), give))
  assert.equal(slots.waiting, 2)
  release()
  release()
  const give = await second
  assert.deepEqual([log, slots.waiting], [['second'], 1])
  give()
  await third
  assert.deepEqual(log, ['second', 'third'])
})

test('who gives up while waiting leaves the line, and closing refuses the rest', async () => {
  const slots = createSlots(1)
  await slots.take(live)
  const controller = new AbortController()
  const gone = slots.take(controller.signal)
  const rest = slots.take(live)
  controller.abort()
  await assert.rejects(gone, { code: 'cancelled' })
  assert.equal(slots.waiting, 1)
  slots.close(failure('unavailable', 'stopping'))
  await assert.rejects(rest, { code: 'unavailable' })
  await assert.rejects(slots.take(live), { code: 'unavailable' })
})
