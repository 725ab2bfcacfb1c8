import assert from 'node:assert/strict'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import type { ActiveStorageError } from '../../../src/core/errors.ts'
import { createAdmission, defaultAdmission } from '../../../src/storage-node/admission.ts'
import { Intake } from '../../../src/storage-node/front/intake.ts'

const PACE = { sweeps: 3, leastBytes: 1000, chunkSweeps: 10 }

/** A stream that tells what is pushed and how it is closed, and an intake on it. */
const fake = () => {
  const pushed: unknown[] = []
  const closed: number[] = []
  const failed: string[] = []
  const socket = { bytesWritten: 0 }
  const push = (piece: unknown) => pushed.push(piece) > 0
  const stream = { push, close: (code: number) => closed.push(code), session: { socket } } as unknown as ServerHttp2Stream
  const admission = createAdmission({ ...defaultAdmission, bytes: 1_000_000 })
  const intake = new Intake(stream, admission.hold, { first: 1_000_000, later: 1_000_000 }, PACE)
  intake.own({
    fail(error: ActiveStorageError) {
      failed.push(error.code)
      intake.over(true)
    },
  })
  const sweep = (times: number) => {
    for (let i = 0; i < times; i++) intake.sweep()
  }
  return { pushed, closed, failed, socket, stream, admission, intake, sweep }
}
const head = (length: number) => {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32BE(length, 1)
  return bytes
}

test('bytes of a message that is not whole are held from the first on, its pieces with what they cost', () => {
  const { stream, admission, intake, pushed } = fake()
  stream.push(head(100_000))
  for (let i = 0; i < 99; i++) stream.push(Buffer.alloc(1000))
  assert.equal(admission.argumentBytes, 5 + 99_000 + 100 * 512)
  assert.equal(pushed.length, 100)
  stream.push(Buffer.alloc(1000))
  assert.equal(admission.argumentBytes, 100_005, 'when it is whole its pieces are gone')
  intake.over()
  assert.equal(admission.argumentBytes, 0)
})

test('a piece that is small beside what it came with keeps none of that', () => {
  const { stream, pushed } = fake()
  const read = Buffer.alloc(65_536)
  stream.push(Buffer.concat([head(1000)]))
  stream.push(read.subarray(100, 110))
  const kept = pushed[1]
  assert.ok(kept instanceof Buffer && kept.byteLength === 10)
  assert.ok(kept.buffer.byteLength < 100, `${kept.buffer.byteLength} bytes are kept`)
})

test('bytes beyond the limit end the call, and what comes later goes nowhere', () => {
  const { stream, failed, pushed, admission } = fake()
  const other = admission.hold()
  other.take(950_000)
  stream.push(head(500_000))
  stream.push(Buffer.alloc(100_000))
  assert.deepEqual(failed, ['overloaded'])
  const before = pushed.length
  assert.equal(stream.push(Buffer.alloc(1000)), true)
  assert.equal(pushed.length, before)
  assert.equal(admission.argumentBytes, 950_000)
})

test('a stream that says nothing, or next to nothing, is ended; one that gets on is not', () => {
  const silent = fake()
  silent.sweep(PACE.sweeps)
  assert.deepEqual(silent.failed, ['deadline-exceeded'])
  assert.deepEqual(silent.closed, [constants.NGHTTP2_NO_ERROR])

  const dribbling = fake()
  dribbling.stream.push(head(100_000))
  for (let i = 0; i < PACE.sweeps; i++) {
    dribbling.stream.push(Buffer.alloc(10))
    dribbling.intake.sweep()
  }
  assert.deepEqual(dribbling.failed, ['deadline-exceeded'])

  const steady = fake()
  steady.stream.push(head(100_000))
  for (let i = 0; i < 5 * PACE.sweeps; i++) {
    steady.stream.push(Buffer.alloc(400))
    steady.intake.sweep()
  }
  assert.deepEqual(steady.failed, [])
})

test('while the node is at work nobody is hurried', () => {
  const { intake, failed, closed, sweep } = fake()
  intake.working()
  sweep(100)
  assert.equal(intake.idleMs(), 0)
  assert.deepEqual([failed, closed], [[], []])
})

test('a result that nobody takes is cut off; one on a connection that moves is waited for, within bounds', () => {
  const unread = fake()
  unread.intake.hold.take(100_000)
  unread.intake.delivering()
  unread.sweep(PACE.sweeps)
  assert.deepEqual(unread.closed, [constants.NGHTTP2_ENHANCE_YOUR_CALM])
  assert.equal(unread.admission.argumentBytes, 0)

  const slow = fake()
  slow.intake.delivering()
  for (let i = 0; i < PACE.chunkSweeps - 1; i++) {
    slow.socket.bytesWritten += 1000
    slow.intake.sweep()
  }
  assert.deepEqual(slow.closed, [])
  slow.intake.taken(1_000_000)
  slow.sweep(1)
  assert.deepEqual(slow.closed, [], 'a chunk was taken')
  for (let i = 0; i < PACE.chunkSweeps; i++) {
    slow.socket.bytesWritten += 1000
    slow.intake.sweep()
  }
  assert.deepEqual(slow.closed, [constants.NGHTTP2_ENHANCE_YOUR_CALM], 'others keep the connection busy')
})

test('a stream that is over is closed where its caller does not', () => {
  const { intake, closed, sweep } = fake()
  intake.working()
  intake.over()
  sweep(4)
  assert.deepEqual(closed, [])
  sweep(1)
  assert.deepEqual(closed, [constants.NGHTTP2_NO_ERROR])
})
