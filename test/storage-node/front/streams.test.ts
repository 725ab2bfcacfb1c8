import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Intake } from '../../../src/storage-node/front/intake.ts'
import { type Connection, createStreams } from '../../../src/storage-node/front/streams.ts'

const LIMITS = { waiting: 32, others: 2 }

const setUp = () => {
  const streams = createStreams(LIMITS)
  const evicted: string[] = []
  const connection = (): Connection & { strikes: number } => {
    const made = { streams: 0, idleSince: 0, strikes: 0, opened: () => undefined, strike: () => void made.strikes++ }
    return made
  }
  const open = (name: string, on: Connection, { idle = 0, waits = true, other = false } = {}) => {
    streams.makeRoom(on, other)
    const made = {
      waits,
      idleMs: () => idle,
      evict() {
        evicted.push(name)
        streams.remove(intake)
      },
    }
    const intake = made as unknown as Intake
    streams.add({ intake, connection: on, other })
  }
  return { streams, evicted, connection, open }
}

test('streams that have been idle give way to new ones, the idlest first', () => {
  const { evicted, connection, open } = setUp()
  const on = connection()
  for (let i = 0; i < LIMITS.waiting; i++) open(`s${i}`, on, { idle: 1000 + i })
  open('new', on)
  assert.deepEqual(evicted, ['s31', 's30'])
  assert.equal(on.strikes, 2)
})

test('where none is idle a new stream is refused, but for one of a connection that has few', () => {
  const { evicted, connection, open } = setUp()
  const [many, few] = [connection(), connection()]
  for (let i = 0; i < LIMITS.waiting; i++) open(`s${i}`, many)
  assert.throws(() => open('more', many), { code: 'overloaded', message: /32 callers/ })
  assert.deepEqual(evicted, [])
  open('other', few)
  assert.deepEqual(evicted, ['s0'])
})

test('streams on which the node is at work do not count', () => {
  const { streams, connection, open } = setUp()
  const on = connection()
  for (let i = 0; i < 3 * LIMITS.waiting; i++) open(`s${i}`, on, { waits: false })
  open('new', on)
  assert.equal(streams.size, 3 * LIMITS.waiting + 1)
})

test('of the streams of other services the oldest goes', () => {
  const { evicted, connection, open } = setUp()
  const on = connection()
  for (const name of ['watch 1', 'watch 2', 'watch 3']) open(name, on, { waits: false, other: true })
  assert.deepEqual(evicted, ['watch 1'])
})
