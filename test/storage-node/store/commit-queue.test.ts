import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { failure } from '../../../src/core/errors.ts'
import { createCommitQueue, type Queued } from '../../../src/storage-node/store/commit-queue.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import type { Write } from '../../../src/storage-node/store/store.ts'
import { type Asked, applyTo, controlledStore, inRange, type Kept } from './fake-stores.ts'

const put = (key: string, value: string): Write => ({ key, value: Buffer.from(value) })
const drop = (key: string): Write => ({ key, value: undefined })
const text = (entries: readonly (readonly [string, Buffer])[]) => entries.map(([key, value]) => [key, value.toString()])
const full = () => failure('read-only', 'no space left')
const broken = () => failure('storage-failed', 'the disk fell off')
const quick = { probeMs: { first: 1, most: 4 } }

/** Whether a commit is on disk, lost, or neither yet. */
const watched = ({ durable }: Queued) => {
  const watch = { state: 'open', error: undefined as unknown }
  durable.then(
    () => (watch.state = 'durable'),
    (error: unknown) => Object.assign(watch, { state: 'lost', error }),
  )
  return watch
}

test('reads see what is queued, what is being written and what is on disk, the newest of each key', async () => {
  const { store, next } = controlledStore()
  const queue = createCommitQueue(store)
  queue.commit([put('pa', '1'), put('pb', '1'), put('pc', '1')], 0)
  ;(await next()).succeed()
  await queue.flush()
  queue.commit([put('pb', '2'), drop('pc')], 0)
  await next()
  queue.commit([put('pd', '3'), drop('pa'), put('q', '3')], 0)
  assert.deepEqual(text(queue.range('p', { limit: 9 })), [
    ['pb', '2'],
    ['pd', '3'],
  ])
  assert.deepEqual(text(queue.range('p', { limit: 1 })), [['pb', '2']])
  assert.deepEqual(text(queue.range('p', { after: 'pb', limit: 9 })), [['pd', '3']])
  assert.deepEqual(queue.range('p', { limit: 0 }), [])
  assert.deepEqual(
    ['pa', 'pb', 'pc', 'pd'].map((key) => queue.get(key)?.toString()),
    [undefined, '2', undefined, '3'],
  )
})

test('a page of a range is full although many entries of the store are deleted and not yet so on disk', async () => {
  const store = memoryStore()
  await store.commit(Array.from({ length: 3000 }, (_, i) => put(`p${1000 + i}`, `${i}`)))
  const queue = createCommitQueue(store)
  queue.commit(
    Array.from({ length: 2900 }, (_, i) => drop(`p${1000 + i}`)),
    0,
  )
  assert.deepEqual(text(queue.range('p', { limit: 2 })), [
    ['p3900', '2900'],
    ['p3901', '2901'],
  ])
  await queue.flush()
})

test('what is queued while a batch is written is one batch, in which the last write of a key counts', async () => {
  const { store, next, asked } = controlledStore()
  const queue = createCommitQueue(store)
  const first = watched(queue.commit([put('a', '0')], 0))
  const one = await next()
  const later = [put('a', '1'), put('b', '1'), put('a', '2'), drop('b')].map((write) => watched(queue.commit([write], 0)))
  await setImmediate()
  assert.equal(asked.length, 1)
  one.succeed()
  const two = await next()
  assert.deepEqual([first.state, ...later.map(({ state }) => state)], ['durable', 'open', 'open', 'open', 'open'])
  assert.deepEqual(two.writes, [put('a', '2'), drop('b')])
  two.succeed()
  await queue.flush()
  assert.ok(later.every(({ state }) => state === 'durable'))
})

test('a failed batch takes along all that was queued after it; an older turn is refused, and reads are of the disk again', async () => {
  const { store, next } = controlledStore()
  const queue = createCommitQueue(store)
  queue.commit([put('a', 'old')], 0)
  ;(await next()).succeed()
  await queue.flush()
  const own = watched(queue.commit([put('a', 'lost')], 0))
  const batch = await next()
  const after = watched(queue.commit([put('b', 'also lost')], 0))
  const flushed = assert.rejects(queue.flush(), { code: 'storage-failed' })
  batch.fail(broken())
  await flushed
  assert.deepEqual([own.state, after.state, queue.generation], ['lost', 'lost', 1])
  assert.match(String(own.error), /fell off/)
  assert.match(String(after.error), /storage-failed.*repeat the call/)
  assert.deepEqual(text(queue.range('', { limit: 9 })), [['a', 'old']])
  assert.throws(() => queue.commit([put('a', 'x')], 0), { code: 'storage-failed', message: /repeat/ })
  assert.throws(() => queue.commit([], 0), { code: 'storage-failed' })
  const again = watched(queue.commit([put('a', 'new')], 1))
  ;(await next()).succeed()
  await queue.flush()
  assert.equal(again.state, 'durable')
})

test('a commit without writes is durable when all that it can have read is', async () => {
  const { store, next } = controlledStore()
  const queue = createCommitQueue(store)
  await queue.commit([], 0).durable
  queue.commit([put('a', '1')], 0)
  const batch = await next()
  const reader = watched(queue.commit([], 0))
  await setImmediate()
  assert.equal(reader.state, 'open')
  batch.succeed()
  await queue.flush()
  assert.equal(reader.state, 'durable')
})

test('a full disk makes the queue refuse writes and serve reads, until a write of its own succeeds', async () => {
  const { store, next } = controlledStore()
  const queue = createCommitQueue(store, quick)
  const lost = watched(queue.commit([put('a', '1')], 0))
  const batch = await next()
  const after = watched(queue.commit([put('b', '1')], 0))
  batch.fail(full())
  const probe = await next()
  assert.deepEqual([lost.state, after.state], ['lost', 'lost'])
  assert.match(String(after.error), /read-only/)
  assert.equal(queue.health.writable, false)
  assert.match(queue.health.writable ? '' : queue.health.why.message, /no space left/)
  assert.equal(queue.get('a'), undefined)
  assert.throws(() => queue.commit([put('a', '2')], 1), { code: 'read-only', message: /no space left/ })
  probe.fail(full())
  ;(await next()).fail(broken())
  const third = await next()
  assert.equal(queue.health.writable, false)
  third.succeed()
  await setImmediate()
  assert.equal(queue.health.writable, true)
  const good = watched(queue.commit([put('a', '3')], 1))
  ;(await next()).succeed()
  await queue.flush()
  assert.equal(good.state, 'durable')
})

test('beyond its bound the queue has no room, and refuses at twice as much; when a batch ends there is room again', async () => {
  const { store, next } = controlledStore()
  const queue = createCommitQueue(store, { maxPendingBytes: 1000 })
  await queue.room()
  queue.commit([{ key: 'a', value: Buffer.alloc(5000) }], 0) // alone, a large one is taken
  assert.throws(() => queue.commit([put('b', '1')], 0), { code: 'overloaded' })
  assert.equal(queue.get('b'), undefined)
  let roomy = false
  const room = queue.room().then(() => (roomy = true))
  const batch = await next()
  assert.equal(roomy, false)
  assert.ok(queue.pendingBytes > 5000)
  batch.succeed()
  await room
  assert.equal(queue.pendingBytes, 0)
  // A key that is written again and again takes its room once.
  for (let i = 0; i < 100; i++) queue.commit([put('b', `${i}`)], 0)
  assert.ok(queue.pendingBytes < 100)
})

test('a key that no store takes is refused alone, and what was queued beside it is written', async () => {
  const queue = createCommitQueue(memoryStore())
  const good = watched(queue.commit([put('a', '1')], 0))
  assert.throws(() => queue.commit([put('b', '1'), put('k'.repeat(1901), '1')], 0), { code: 'too-large' })
  assert.throws(() => queue.commit([put('', '1')], 0), { code: 'invalid-argument' })
  await queue.flush()
  assert.deepEqual([good.state, queue.get('b')], ['durable', undefined])
})

test('closing writes what is queued, and takes no more', async () => {
  const { store, next, kept } = controlledStore()
  const queue = createCommitQueue(store)
  queue.commit([put('a', '1')], 0)
  const closed = queue.close()
  assert.throws(() => queue.commit([put('b', '1')], 0), { code: 'unavailable' })
  const batch = await next()
  let over = false
  void closed.then(() => (over = true))
  await setImmediate()
  assert.equal(over, false)
  batch.succeed()
  await closed
  assert.deepEqual([...kept], [['a', '1']])
})

test('closing while the disk is full ends the probing', async () => {
  const { store, next, asked } = controlledStore()
  const queue = createCommitQueue(store, quick)
  queue.commit([put('a', '1')], 0)
  ;(await next()).fail(full())
  const probe = await next()
  const closed = queue.close()
  probe.fail(full())
  await closed
  assert.equal(asked.length, 0)
})

test('lost commits to which nobody listens do not end the process', async (t) => {
  const heard: unknown[] = []
  const listen = (error: unknown) => heard.push(error)
  process.on('unhandledRejection', listen)
  t.after(() => process.off('unhandledRejection', listen))
  const { store, next } = controlledStore()
  const queue = createCommitQueue({ ...store, commit: (writes) => store.commit(writes) }, quick)
  queue.commit([put('a', '1')], 0)
  ;(await next()).fail(new Error('not one of ours'))
  await setImmediate()
  const throwing = createCommitQueue({
    ...store,
    commit: () => {
      throw new Error('at once')
    },
  })
  throwing.commit([put('a', '1')], 0)
  await setImmediate()
  await setImmediate()
  assert.equal(throwing.generation, 1)
  assert.deepEqual(heard, [])
})

test('whatever comes in whatever order, reads are those of a plain model, nothing acknowledged is lost, and batches are whole and in order', async () => {
  const key = fc.constantFrom('a', 'ab', 'ab\0', 'b', 'ba', 'c')
  const value = fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined })
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('commit' as const), writes: fc.array(fc.tuple(key, value), { maxLength: 3 }), stale: fc.nat(9) }) }, // prettier-ignore
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('succeed', 'apply', 'settle') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fail', 'fill') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('range' as const), prefix: fc.constantFrom('', 'a', 'ab', 'b'), after: fc.option(key, { nil: undefined }), limit: fc.nat(4) }) }, // prettier-ignore
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { store, kept, asked } = controlledStore()
      const queue = createCommitQueue(store, quick)
      const durable: Kept = new Map()
      let inFlight: { asked: Asked; commits: Commit[] } | undefined
      let queued: Commit[] = []
      interface Commit {
        readonly writes: readonly Write[]
        readonly watch: ReturnType<typeof watched>
      }
      const model = () => {
        const now = new Map(durable)
        for (const { writes } of [...(inFlight?.commits ?? []), ...queued]) applyTo(now, writes)
        return now
      }
      const settle = async () => {
        await setImmediate()
        const [one] = asked
        assert.ok(asked.length <= 1)
        if (inFlight !== undefined || one === undefined || queued.length === 0) return
        const expected = new Map(queued.flatMap(({ writes }) => writes.map(({ key: name, value: bytes }) => [name, bytes])))
        assert.deepEqual(new Map(one.writes.map(({ key: name, value: bytes }) => [name, bytes])), expected)
        inFlight = { asked: one, commits: queued }
        queued = []
      }
      const states = (commits: readonly Commit[]) => new Set(commits.map(({ watch }) => watch.state))
      for (const one of steps) {
        if ('writes' in one) {
          const writes = one.writes.map(([name, bytes]) => (bytes === undefined ? drop(name) : put(name, bytes)))
          const begun = queue.generation - (one.stale === 0 ? 1 : 0)
          if (one.stale === 0) assert.throws(() => queue.commit(writes, begun), { code: 'storage-failed' })
          else if (writes.length > 0) queued.push({ writes, watch: watched(queue.commit(writes, begun)) })
        } else if ('prefix' in one) {
          const { prefix, after, limit } = one
          assert.deepEqual(
            text(queue.range(prefix, { limit, ...(after !== undefined && { after }) })),
            inRange(model(), prefix, after, limit),
          )
        } else {
          await settle()
          const batch = inFlight
          if (batch !== undefined && one.do === 'apply') batch.asked.apply()
          if (batch !== undefined && one.do === 'succeed') {
            assert.deepEqual(states(batch.commits), new Set(['open']))
            for (const { writes } of batch.commits) applyTo(durable, writes)
            inFlight = undefined
            batch.asked.succeed()
            await settle()
            assert.deepEqual(states(batch.commits), new Set(['durable']))
          }
          if (batch !== undefined && (one.do === 'fail' || one.do === 'fill')) {
            kept.clear()
            for (const [name, bytes] of durable) kept.set(name, bytes)
            const lost = [...batch.commits, ...queued]
            const before = queue.generation
            inFlight = undefined
            queued = []
            batch.asked.fail(one.do === 'fail' ? broken() : full())
            await setImmediate()
            assert.deepEqual(states(lost), new Set(['lost']))
            assert.equal(queue.generation, before + 1)
            // The probe of a full disk succeeds at once here: the next step may write again.
            while (!queue.health.writable) {
              asked[0]?.succeed()
              await setImmediate()
            }
            if (kept.delete('probe\0')) applyTo(durable, [drop('probe\0')])
          }
        }
        for (const name of ['a', 'ab', 'ab\0', 'b', 'ba', 'c']) assert.equal(queue.get(name)?.toString(), model().get(name))
      }
      while (inFlight !== undefined || queued.length > 0) {
        await settle()
        for (const { writes } of inFlight?.commits ?? []) applyTo(durable, writes)
        inFlight?.asked.succeed()
        inFlight = undefined
      }
      await queue.flush()
      assert.deepEqual(new Map(kept), durable)
      await queue.close()
    }),
    { numRuns: 150 },
  )
})

test('twenty thousand queued writes are read in order, page by page', async () => {
  const queue = createCommitQueue(memoryStore())
  const names = Array.from({ length: 20_000 }, (_, i) => `p${(i * 7919) % 20_000}`)
  for (const name of names) queue.commit([put(name, name)], 0)
  const seen: string[] = []
  for (let after: string | undefined; ; after = seen.at(-1)) {
    const page = queue.range('p', { limit: 700, ...(after !== undefined && { after }) })
    seen.push(...page.map(([key]) => key))
    if (page.length < 700) break
  }
  assert.deepEqual(seen, names.toSorted())
  await queue.flush()
})
