import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, failureWith } from '../../src/core/errors.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { createReporter } from '../../src/storage-node/reporter.ts'
import { failing } from '../contracts/transport.ts'
import { linkTo, remote, startNode } from './support.ts'

const clocked = () => {
  const lines: string[] = []
  let time = 0
  let waiting: { at: number; work: () => void }[] = []
  const reporter = createReporter({
    write: (line) => lines.push(line),
    now: () => time,
    later: (ms, work) => {
      const one = { at: time + ms, work }
      waiting.push(one)
      return () => (waiting = waiting.filter((other) => other !== one))
    },
  })
  const pass = (ms: number) => {
    time += ms
    const due = waiting.filter(({ at }) => at <= time)
    waiting = waiting.filter(({ at }) => at > time)
    for (const { work } of due) work()
  }
  const taken = () => lines.splice(0)
  return { reporter, pass, taken, pending: () => waiting.length }
}

test('the first error of a code is told at once, those after it by their number once in ten seconds', () => {
  const { reporter, pass, taken, pending } = clocked()
  const fail = (object: string) => reporter.failed(failure('not-found', 'there is no secret'), object, 'read')
  fail('dataset/photos')
  assert.deepEqual(taken(), ['dataset/photos.read failed with not-found'])
  for (let i = 0; i < 5; i++) fail('dataset/photos')
  fail('dataset/other')
  reporter.failed(failure('worker-died', 'a compute worker ended'), 'model/faces', 'predict')
  assert.deepEqual(taken(), ['model/faces.predict failed with worker-died: a compute worker ended'])
  pass(10_000)
  assert.deepEqual(taken(), ['6 more calls failed with not-found in 10 s: dataset/photos.read 5, dataset/other.read 1'])
  pass(10_000)
  assert.deepEqual(taken(), [])
  assert.equal(pending(), 0)
  fail('dataset/photos')
  assert.deepEqual(taken(), ['dataset/photos.read failed with not-found'])
})

test('what callers send is not told, nor what the protocol does as a matter of course', () => {
  const { reporter, taken } = clocked()
  reporter.failed(failure('invalid-argument', '"my password" will not do'), 'a/b', 'c')
  reporter.failed(failure('method-threw', 'Error: my password'), 'a/b', 'c')
  reporter.failed(failure('cancelled', 'gone'), 'a/b', 'c')
  reporter.failed(failureWith('moved', 'elsewhere', { site: 'fog' }), 'a/b', 'c')
  reporter.failed(failureWith('missing-inputs', 'content', { hashes: [] }), 'a/b', 'c')
  assert.deepEqual(taken(), ['a/b.c failed with invalid-argument', 'a/b.c failed with method-threw'])
})

test('lines and memory are bounded, whatever names callers make up', () => {
  const { reporter, pass, taken } = clocked()
  for (let i = 0; i < 10_000; i++) reporter.failed(failure('unknown-type', ''), `t${i}\n${'x'.repeat(500)}/o`, 'm')
  pass(10_000)
  const lines = taken()
  assert.equal(lines.length, 2)
  for (const line of lines) assert.ok(line.length < 500 && !line.includes('\n'), line)
  assert.match(lines[1] ?? '', /^9999 more calls/)
})

test('a disk that takes no writes, and does again, is told once each; a slow loop once in ten seconds; the rest at the end', () => {
  const { reporter, pass, taken } = clocked()
  reporter.writable(true)
  reporter.writable(false, 'no space left on device')
  reporter.writable(false, 'no space left on device')
  reporter.writable(true)
  assert.deepEqual(taken(), [
    'the disk takes no writes; reads go on, and it is tried again: no space left on device',
    'the disk takes writes again',
  ])
  reporter.slow(312.4)
  reporter.slow(900)
  pass(10_000)
  reporter.slow(400)
  assert.deepEqual(
    taken().map((line) => /held up for (\d+) ms/.exec(line)?.[1]),
    ['312', '400'],
  )
  for (let i = 0; i < 3; i++) reporter.failed(failure('internal', 'x'), 'a/b', 'c')
  reporter.close()
  assert.deepEqual(taken(), ['a/b.c failed with internal: x', '2 more calls failed with internal: a/b.c 2'])
})

test('a node tells of the calls that fail', async (t) => {
  const lines: string[] = []
  const node = await startNode(t, { log: (line) => void (line.includes('event loop') || lines.push(line)) })
  const set = remote(linkTo(t, node.address), dataset, 'photos')
  await failing(set.count(), 'not-found')
  assert.deepEqual(lines, ['dataset/photos.count failed with not-found'])
  await failing(set.count(), 'not-found')
  await node.close()
  assert.deepEqual(lines.slice(1), ['1 more call failed with not-found: dataset/photos.count 1'])
})
