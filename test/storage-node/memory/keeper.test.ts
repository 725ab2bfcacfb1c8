import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createAdmission, defaultAdmission } from '../../../src/storage-node/admission.ts'
import { createMemoryKeeper, type KeeperOptions } from '../../../src/storage-node/memory/keeper.ts'

const MIB = 1024 ** 2

/** A process whose memory is what the test says, and goes down by what each act of the keeper is said to free. */
const fake = (t: TestContext, frees: Partial<Record<'pages' | 'cache' | 'young' | 'all' | 'sessions', number>> = {}) => {
  const acts: string[] = []
  const state = { total: 100 * MIB, mapped: 20 * MIB, now: 10_000, busy: false, looks: 0 }
  const act = (name: keyof typeof frees) => {
    acts.push(name)
    state.total -= (frees[name] ?? 0) * MIB
    if (name === 'pages') state.mapped -= (frees.pages ?? 0) * MIB
  }
  const options: KeeperOptions = {
    limit: 200 * MIB,
    working: 32 * MIB,
    mapped: 16 * MIB,
    resident: () => {
      state.looks++
      return { total: state.total, mapped: state.mapped }
    },
    releasePages: () => act('pages'),
    shrinkCache: (bytes) => {
      acts.push(`cache ${bytes / MIB}`)
      state.total -= (frees.cache ?? 0) * MIB
    },
    garbage: { collectYoung: () => act('young'), collectAll: () => act('all') },
    dropSessions: () => act('sessions'),
    busy: () => state.busy,
    now: () => state.now,
  }
  const keeper = createMemoryKeeper(options)
  t.after(() => keeper.stop())
  return { acts, state, keeper }
}
const grown = ({ state }: ReturnType<typeof fake>, mib: number) => {
  state.total = mib * MIB
}

test('below the limit nothing is touched but pages of the store beyond their share', (t) => {
  const process = fake(t, { pages: 17 })
  process.keeper.begin()
  grown(process, 199)
  process.keeper.look()
  assert.deepEqual(process.acts, [])
  process.state.mapped += 17 * MIB
  process.keeper.look()
  assert.deepEqual(process.acts, ['pages'])
  process.state.mapped += 17 * MIB
  process.keeper.look()
  assert.deepEqual(process.acts, ['pages'], 'not again so soon')
  process.state.now += 100
  process.keeper.look()
  assert.deepEqual(process.acts, ['pages', 'pages'])
})

test('above the limit what is cheapest to get again goes first, and the rest stays where that was enough', (t) => {
  const enough = fake(t, { pages: 10 })
  enough.keeper.begin()
  grown(enough, 205)
  enough.keeper.look()
  assert.deepEqual(enough.acts, ['pages'])

  const cached = fake(t, { pages: 1, cache: 9 })
  cached.keeper.begin()
  grown(cached, 210)
  cached.keeper.look()
  assert.deepEqual(cached.acts, ['pages', 'cache 9', 'young'])

  const garbage = fake(t, { all: 50 })
  garbage.keeper.begin()
  grown(garbage, 210)
  garbage.keeper.look()
  assert.deepEqual(garbage.acts, ['pages', 'cache 10', 'young', 'all'])
  assert.equal(garbage.keeper.room(), Infinity)
})

test('where nothing helps, sessions go, and arguments have the room that is left, until there is more', (t) => {
  const process = fake(t, { sessions: 0 })
  const { keeper, state, acts } = process
  keeper.begin()
  grown(process, 210)
  keeper.look()
  state.now += 10
  keeper.look()
  assert.equal(keeper.room(), Infinity, 'what was collected is still on its way back')
  state.now += 60
  keeper.look()
  assert.deepEqual(acts.slice(-1), ['sessions'])
  assert.equal(keeper.room(), 0)
  grown(process, 197)
  assert.equal(keeper.room(), 3 * MIB)
  keeper.look()
  assert.equal(keeper.room(), Infinity)
})

test('a limit that the process is beyond when it begins is one that lets it work', (t) => {
  const process = fake(t)
  grown(process, 190)
  process.keeper.begin()
  grown(process, 190 + 32)
  process.keeper.look()
  assert.deepEqual(process.acts, [])
  grown(process, 190 + 33)
  process.keeper.look()
  assert.equal(process.acts[0], 'pages')
})

test('much that is touched is looked at without waiting, and an idle process not at all', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { keeper, state } = fake(t)
  keeper.touched(1024 * MIB)
  keeper.begin()
  const before = state.looks
  t.mock.timers.tick(600)
  assert.equal(state.looks, before, 'idle')
  keeper.touched(7 * MIB)
  assert.equal(state.looks, before)
  keeper.touched(2 * MIB)
  assert.equal(state.looks, before + 1)
  state.busy = true
  t.mock.timers.tick(600)
  assert.ok(state.looks > before + 1, 'while calls run')
})

test('arguments beyond the room are refused as overloaded, but for a call that is alone', () => {
  let room = Infinity
  const admission = createAdmission(defaultAdmission, { room: () => room, touched: () => undefined })
  const first = admission.hold()
  first.take(100 * MIB)
  room = 50 * MIB
  const second = admission.hold()
  second.take(50 * MIB)
  assert.throws(() => second.take(51 * MIB), { code: 'overloaded', message: /limit of memory/ })
  second.release()
  first.take(1000 * MIB)
  first.release()
  room = 0
  admission.hold().take(1000 * MIB)
})

test('small calls have room of their own, whatever large ones hold, and that is bounded too', () => {
  const admission = createAdmission({ ...defaultAdmission, bytes: 40 * MIB }, { room: () => 0, touched: () => undefined })
  const upload = admission.hold()
  upload.take(70 * MIB)
  const small = Array.from({ length: 96 }, () => admission.hold())
  for (const hold of small) hold.take(64 * 1024)
  assert.throws(() => admission.hold().take(64 * 1024), { code: 'overloaded' })
  const tiny = Array.from({ length: 2048 }, () => admission.hold())
  for (const hold of tiny) hold.take(1024)
  assert.throws(() => admission.hold().take(1), { code: 'overloaded' })
  for (const hold of tiny) hold.release()
  small[0]!.release()
  const again = admission.hold()
  again.take(1000)
  assert.throws(() => again.take(64 * 1024), { code: 'overloaded' }, 'what is no small call any more')
  for (const hold of [upload, again, ...small]) hold.release()
  assert.equal(admission.argumentBytes, 0)
})
