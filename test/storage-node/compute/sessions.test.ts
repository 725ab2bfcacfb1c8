import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSessions } from '../../../src/storage-node/compute/sessions.ts'

const fake = () => {
  const log: string[] = []
  const create = (file: string | Uint8Array) => {
    log.push(`+${String(file)}`)
    return Promise.resolve({ release: () => Promise.resolve(void log.push(`-${String(file)}`)) })
  }
  return { log, onnx: { InferenceSession: { create } } as unknown as Parameters<typeof createSessions>[0] }
}
const task = (hash: string, bytes: number, generation = 0) => ({
  hash,
  generation,
  model: { file: hash, external: [], bytes },
  givenUp: new Int32Array(1),
})

test('the longest unused sessions go when their bytes exceed the limit', async () => {
  const { log, onnx } = fake()
  const { get: session } = createSessions(onnx, { sessionBytes: 100, intraOpThreads: 1 }, () => undefined)
  for (const hash of ['a', 'b', 'a', 'c']) await session(task(hash, 40))
  assert.deepEqual(log, ['+a', '+b', '+c', '-b'])
  await session(task('large', 500))
  assert.deepEqual(log.slice(4), ['+large', '-a', '-c'], 'one that is larger than the limit is alone')
  await session(task('a', 40))
  assert.deepEqual(log.slice(7), ['+a', '-large'])
})

test('a new generation forgets all', async () => {
  const { log, onnx } = fake()
  const { get: session } = createSessions(onnx, { sessionBytes: 100, intraOpThreads: 1 }, () => undefined)
  await session(task('a', 40))
  await session(task('a', 40, 1))
  assert.deepEqual(log, ['+a', '-a', '+a'])
})
