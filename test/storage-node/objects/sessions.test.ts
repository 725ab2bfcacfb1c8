import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureWith } from '../../../src/core/errors.ts'
import { type Closable, sessionKind } from '../../../src/core/host-session.ts'
import { createHostSessions } from '../../../src/storage-node/objects/sessions.ts'
import { failing } from '../../contracts/transport.ts'
import { deferred } from '../../storage-node/support.ts'

interface Model extends Closable {
  readonly name: string
}
const models = sessionKind<Model>('model')
const others = sessionKind<Model>('other')

/** Sessions of objects "a" and "b", and a clock that only the test moves. */
const material = (room = Infinity) => {
  let now = 0
  let taken = 0
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
  const reserve = (bytes: number) => {
    if (taken + bytes > room) throw failureWith('overloaded', 'no room', { retryAfterMs: 5 })
    taken += bytes
    return () => void (taken -= bytes)
  }
  const closed: string[] = []
  const made = (name: string) => () => Promise.resolve({ name, close: async () => void closed.push(await Promise.resolve(name)) })
  const host = createHostSessions({ reserve, after })
  const ends: (() => void)[] = []
  const of = (owner: string) => host.of(owner, (act) => ends.push(act))
  const a = of('probe/a')
  const open = (key: string, name: string, idleMs = 100) => a.open(models, { key, idleMs }, made(name))
  const use = (session: string) => a.use(models, session, ({ name }) => Promise.resolve(name))
  return { host, of, a, open, use, pass, closed, made, timers, ends, taken: () => taken }
}

test('a lease is renewed by use, and ends what is held when nobody comes', async () => {
  const { host, open, use, pass, closed } = material()
  const session = await open('one', 'model')
  pass(99)
  assert.equal(await use(session), 'model')
  pass(99)
  assert.equal(host.count, 1)
  pass(1)
  assert.equal(host.count, 0)
  const error = await failing(use(session), 'session-ended')
  assert.match(error.message, /open it again/)
  assert.deepEqual(closed, ['model'])
})

test('what is in use does not end, however long it takes', async () => {
  const { host, a, open, use, pass, closed, timers } = material()
  const session = await open('one', 'model')
  const long = deferred()
  const using = a.use(models, session, () => long.promise)
  assert.equal(timers.size, 0)
  pass(1000)
  assert.equal(host.count, 1)
  long.resolve()
  await using
  pass(100)
  assert.equal(host.count, 0)
  await failing(use(session), 'session-ended')
  assert.deepEqual(closed, ['model'])
})

test('uses run one at a time, in their order, and closing waits for them', async () => {
  const { a, open, closed } = material()
  const session = await open('one', 'model')
  const seen: string[] = []
  const gate = deferred()
  const first = a.use(models, session, async () => {
    await gate.promise
    seen.push('first')
    throw new Error('no matter')
  })
  const second = a.use(models, session, async () => void seen.push(await Promise.resolve('second')))
  const closing = a.close(session).then(() => seen.push('closed'))
  gate.resolve()
  await assert.rejects(first, /no matter/)
  await Promise.all([second, closing])
  assert.deepEqual([seen, closed], [['first', 'second', 'closed'], ['model']])
})

test('a turn that comes twice is done once; one that is over is refused', async () => {
  const { a, open } = material()
  const session = await open('one', 'model')
  let done = 0
  const count = () => Promise.resolve(++done)
  assert.deepEqual(await Promise.all([a.use(models, session, count, 1), a.use(models, session, count, 1)]), [1, 1])
  assert.equal(await a.use(models, session, count, 1), 1)
  assert.equal(await a.use(models, session, count, 2), 2)
  await failing(a.use(models, session, count, 1), 'fenced')
})

test('opening again ends what was open under the same key, and no other, unless it is to be refused', async () => {
  const { host, a, of, open, use, closed, made } = material()
  const first = await open('one', 'first')
  const other = await open('two', 'other')
  const slow = deferred<Model>()
  const late = a.open(models, { key: 'one' }, () => slow.promise)
  const again = await open('one', 'again')
  slow.resolve(await made('late')())
  await failing(late, 'fenced')
  assert.deepEqual(closed, ['first', 'late'])
  for (const session of [other, again]) await use(session)
  await failing(use(first), 'session-ended')
  await failing(a.open(models, { key: 'one', taken: 'refuse' }, made('more')), 'already-exists')
  // Another kind, or another object, has keys of its own; and an id is one of its object and kind alone.
  await a.open(others, { key: 'one' }, made('another kind'))
  await of('probe/b').open(models, { key: 'one' }, made("another object's"))
  await failing(
    of('probe/b').use(models, again, () => Promise.resolve(0)),
    'session-ended',
  )
  await failing(
    a.use(others, again, () => Promise.resolve(0)),
    'session-ended',
  )
  await of('probe/b').close(again)
  assert.equal(host.count, 4)
  assert.equal(a.find(models, 'one'), again)
  assert.equal(a.find(models, 'none'), undefined)
  assert.deepEqual([host.isOpen('probe/a', others), host.isOpen('probe/b', others)], [true, false])
  assert.match(again, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('memory is reserved for as long as a session is open, and given back whatever ends it', async () => {
  const { host, a, pass, made, taken } = material(100)
  await a.open(models, { key: 'one', bytes: 60, idleMs: 10 }, made('one'))
  assert.deepEqual([host.bytes, taken()], [60, 60])
  await failing(a.open(models, { key: 'two', bytes: 60 }, made('two')), 'overloaded')
  // The one that it takes the place of gives back its own first.
  await a.open(models, { key: 'one', bytes: 90, idleMs: 10 }, made('larger'))
  assert.equal(taken(), 90)
  pass(10)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(taken(), 0)
  await assert.rejects(
    a.open(models, { key: 'one', bytes: 100 }, () => Promise.reject(new Error('it cannot be made'))),
    /cannot be made/,
  )
  assert.equal(taken(), 0)
})

test('sessions end with their object, with the call that keeps them, and with the host', async () => {
  const { host, a, of, open, pass, made, closed, ends } = material()
  await open('one', 'one')
  await open('two', 'two')
  const b = of('probe/b')
  const kept = await b.open(models, { untilCallEnds: true, idleMs: 1 }, made('kept'))
  pass(1000)
  await b.use(models, kept, () => Promise.resolve())
  pass(1000)
  assert.equal(host.has('probe/b', kept), true)
  host.end('probe/a')
  host.end('probe/unknown')
  assert.equal(host.count, 1)
  for (const end of ends) end()
  assert.equal(host.count, 0)
  await open('three', 'three')
  await host.close()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(closed.toSorted(), ['kept', 'one', 'three', 'two'])
  await failing(a.open(models, {}, made('late')), 'unavailable')
})
