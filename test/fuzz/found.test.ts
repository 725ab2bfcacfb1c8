// What the fuzzer has found, each as a test of its own.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ObjectType } from '../../src/core/define.ts'
import { remoteOf } from '../../src/core/remote.ts'
import type { CallStartIn } from '../../src/wire/gen/active_storage/v1/CallStart.ts'
import { limits } from '../../src/wire/limits.ts'
import { protocol } from '../../src/wire/protocol.ts'
import { createProbe } from '../contracts/probe.ts'
import { linkTo, startNode } from '../storage-node/support.ts'
import { record } from './corpus.ts'
import type { Step } from './plan.ts'
import { createSender } from './send.ts'

const DEADLINE_MS = 10_000

const open = async (t: TestContext, objects: readonly ObjectType[] = []) => {
  const node = await startNode(t, { objects })
  const sender = createSender(node.address)
  t.after(() => sender.close())
  const send = async (steps: readonly Step[]) => {
    const { failure, late } = await sender.send({ index: 0, about: 'one call', level: 'grpc', steps }, DEADLINE_MS)
    assert.ok(!late, 'no answer came')
    return failure
  }
  return { send, transport: linkTo(t, node.address) }
}
const message = (start: CallStartIn): Step => ({ do: 'send', bytes: protocol.ClientFrame.serialize({ start }) })
const end: Step = { do: 'end' }
const echo = (change: CallStartIn = {}): CallStartIn => ({ ...record('site', 'main', 'echo', []).start, ...change })

test('a failure whose text is cut within a character beyond 16 bits still reaches the caller', async (t) => {
  const { send } = await open(t)
  const name = `${'x'.repeat(79)}\u{1f4be}`
  assert.equal((await send([message(echo({ type: name })), end]))?.code, 'unknown-type')
  assert.equal((await send([message(echo({ method: name })), end]))?.code, 'unknown-method')
})

test('a message that is no message is refused with a failure', async (t) => {
  const { send } = await open(t)
  for (const bytes of [
    Buffer.from([0x0a]),
    Buffer.from([0x0f]),
    Buffer.alloc(20_000, 0x1b),
    Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  ]) {
    const failure = await send([{ do: 'send', bytes }, end])
    assert.deepEqual([failure?.code, failure?.message], ['malformed-message', 'a message that is no ClientFrame'])
  }
})

test('counts are bounded while a message is read, not afterwards', async (t) => {
  const { send } = await open(t)
  const { arguments: none } = record('site', 'main', 'echo', []).start
  // A million in two megabytes: read whole they are hundreds of megabytes.
  const many = { ...none, segments: Array.from({ length: 1_000_000 }, () => ({ dtype: '' })) }
  const first = await send([message(echo({ arguments: many })), end])
  assert.deepEqual([first?.code, first?.message], ['too-large', `a value of more segments than the most, which is ${limits.segments}`])
  const deep = { ...none, segments: [{ dtype: 'uint8', shape: Array.from({ length: 1_000_000 }, () => 1), byteLength: 1 }] }
  const second = await send([message(echo({ arguments: deep })), end])
  assert.deepEqual([second?.code, second?.message], ['malformed-message', `a segment with more than ${limits.sides} sides: not a shape`])
})

test('keys that JavaScript has a use for are data', async (t) => {
  const { type } = createProbe()
  const { transport } = await open(t, [type])
  const value = { toJSON: 5, constructor: 1, list: [{ toJSON: { a: 1 }, constructor: null }], length: 3, hasOwnProperty: 0 }
  assert.deepEqual(await remoteOf(type, 'main', () => transport).echo(value), [value])
})

test('a message too many ends the method that runs', async (t) => {
  const { type, seen } = createProbe()
  const { send } = await open(t, [type])
  for (const method of ['wait', 'waitAfterOne']) {
    const failure = await send([
      message(record('probe', 'main', method, []).start),
      { do: 'send', bytes: protocol.ClientFrame.serialize({ chunk: Buffer.alloc(5) }) },
    ])
    assert.equal(failure?.code, 'malformed-message')
    assert.equal(await seen.aborted.promise, 'cancelled')
  }
})
