import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abortedBy } from '../../../src/core/errors.ts'
import type { ModelSource } from '../../../src/core/self.ts'
import { createOpened } from '../../../src/storage-node/compute/opened.ts'
import { atPath, shared, source } from './models.ts'

const live = new AbortController().signal

test('shared memory is opened once and kept up to its bytes; a path is asked for each time', async () => {
  const asked: string[] = []
  const opened = createOpened((model) => {
    asked.push(model.hash[0]!)
    return Promise.resolve(model.hash[0] === 'f' ? atPath('file') : shared(new Uint8Array(40)))
  }, 100)
  for (const digit of ['a', 'b', 'a', 'f', 'f']) await opened.get(source(digit), live)
  assert.equal(asked.join(''), 'abff')
  await opened.get(source('c'), live)
  for (const digit of ['a', 'b']) await opened.get(source(digit), live)
  assert.equal(asked.join(''), 'abffcb')
})

test('a call that shares an opening outlives the caller who began it', async () => {
  let openings = 0
  const open = (_: ModelSource, signal: AbortSignal) => {
    if (openings++ > 0) return Promise.resolve(shared(new Uint8Array(1)))
    return new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(abortedBy(signal))))
  }
  const opened = createOpened(open, 100)
  const controller = new AbortController()
  const first = opened.get(source('a'), controller.signal)
  const second = opened.get(source('a'), live)
  controller.abort()
  await assert.rejects(first, { code: 'cancelled' })
  assert.equal((await second).bytes, 1)
})
