import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Held } from '../../../src/objects/trainer/held.ts'
import { failing } from '../../contracts/transport.ts'
import { deferred } from '../../storage-node/support.ts'

/** Something that is held, and a clock that only the test moves. */
const material = () => {
  let now = 0
  const timers = new Map<object, { readonly at: number; readonly run: () => void }>()
  const after = (ms: number, run: () => void) => {
    const key = {}
    timers.set(key, { at: now + ms, run })
    return () => void timers.delete(key)
  }
  const pass = (ms: number) => {
    now += ms
    for (const [key, { at, run }] of timers)
      if (at <= now) {
        timers.delete(key)
        run()
      }
  }
  const closed: string[] = []
  const made = (name: string) => async () => ({ name, close: async () => void closed.push(name) })
  const held = new Held<{ name: string; close: () => Promise<void> }>({ idleMs: 100, after })
  return { held, pass, closed, made, timers }
}

test('a lease is renewed by use, and ends what is held when nobody comes', async () => {
  const { held, pass, closed, made } = material()
  const session = await held.open('a', 'one', made('model'))
  pass(99)
  assert.equal(await held.use('a', session, async ({ name }) => name), 'model')
  pass(99)
  assert.equal(held.count, 1)
  pass(1)
  assert.equal(held.count, 0)
  const error = await failing(
    held.use('a', session, async () => 0),
    'session-ended',
  )
  assert.match(error.message, /open it again/)
  assert.deepEqual(closed, ['model'])
})

test('what is in use does not end, however long it takes', async () => {
  const { held, pass, closed, made, timers } = material()
  const session = await held.open('a', 'one', made('model'))
  const long = deferred()
  const using = held.use('a', session, () => long.promise)
  assert.equal(timers.size, 0)
  pass(1000)
  assert.equal(held.count, 1)
  long.resolve()
  await using
  pass(100)
  assert.equal(held.count, 0)
  await failing(
    held.use('a', session, async () => 0),
    'session-ended',
  )
  assert.deepEqual(closed, ['model'])
})

test('uses run one at a time, in their order, and closing waits for them', async () => {
  const { held, closed, made } = material()
  const session = await held.open('a', 'one', made('model'))
  const seen: string[] = []
  const gate = deferred()
  const first = held.use('a', session, async () => {
    await gate.promise
    seen.push('first')
    throw new Error('no matter')
  })
  const second = held.use('a', session, async () => void seen.push('second'))
  const closing = held.close('a', session).then(() => seen.push('closed'))
  gate.resolve()
  await assert.rejects(first, /no matter/)
  await Promise.all([second, closing])
  assert.deepEqual([seen, closed], [['first', 'second', 'closed'], ['model']])
})

test('a turn that comes twice is done once; one that is over is refused', async () => {
  const { held, made } = material()
  const session = await held.open('a', 'one', made('model'))
  let done = 0
  const count = async () => ++done
  assert.deepEqual(await Promise.all([held.use('a', session, count, 1), held.use('a', session, count, 1)]), [1, 1])
  assert.equal(await held.use('a', session, count, 1), 1)
  assert.equal(await held.use('a', session, count, 2), 2)
  await failing(held.use('a', session, count, 1), 'fenced')
})

test('opening again ends what was open under the same key, and no other', async () => {
  const { held, closed, made } = material()
  const first = await held.open('a', 'one', made('first'))
  const other = await held.open('a', 'two', made('other'))
  const slow = deferred<{ name: string; close: () => Promise<void> }>()
  const late = held.open('a', 'one', () => slow.promise)
  const again = await held.open('a', 'one', made('again'))
  slow.resolve(await made('late')())
  await failing(late, 'fenced')
  assert.deepEqual(closed, ['first', 'late'])
  for (const session of [other, again]) await held.use('a', session, async () => 0)
  await failing(
    held.use('a', first, async () => 0),
    'session-ended',
  )
  await failing(
    held.use('b', again, async () => 0),
    'session-ended',
  )
  await held.close('b', again)
  assert.equal(held.count, 2)
})
