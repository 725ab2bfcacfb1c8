import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentials, type ServiceError } from '@grpc/grpc-js'
import { monotonicNow } from '../../src/core/clock.ts'
import { defineObject, type ObjectType } from '../../src/core/define.ts'
import { siteName } from '../../src/core/ids.ts'
import { remoteOf, withCall } from '../../src/core/remote.ts'
import { splitTraining } from '../../src/sdk/split-training.ts'
import { createLocalHost } from '../../src/storage-node/local-host.ts'
import type { trainer } from '../../src/objects/trainer/trainer.ts'
import { outgoing } from '../../src/wire/frames.ts'
import { failureOf } from '../../src/wire/failure.ts'
import { channelOptions, protocol } from '../../src/wire/protocol.ts'
import { createProbe } from '../contracts/probe.ts'
import { failing } from '../contracts/transport.ts'
import { deferred, linkTo, remote, startNode } from '../storage-node/support.ts'
import { site } from '../../src/objects/site.ts'

test('steps of the wall clock while a call begins neither end it nor let it go on for ever', async (t) => {
  const { type } = createProbe()
  const node = await startNode(t, { objects: [type] })
  let step = 0
  const real = Date.now.bind(Date)
  t.mock.method(Date, 'now', () => real() + step++ * 3_600_000)
  // The first call waits for its connection, within which the clock goes on by hours.
  const forwards = linkTo(t, node.address)
  assert.equal(await remote(forwards, site, 'main', { timeoutMs: 20_000 }).echo('a'), 'a')
  t.mock.method(Date, 'now', () => real() - step++ * 3_600_000)
  const backwards = linkTo(t, node.address)
  assert.equal(await remote(backwards, site, 'main', { timeoutMs: 20_000 }).echo('a'), 'a')
  await failing(remote(backwards, type, 'a', { timeoutMs: 30 }).waitInTurn(), 'deadline-exceeded')
})

test('a call whose time is over is not sent', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const over = { deadline: monotonicNow() - 1 }
  await failing(remote(linkTo(t, node.address), type, 'a', over).add(1), 'deadline-exceeded')
  const items = remote(linkTo(t, node.address), type, 'a', over).blocks(1, 1)
  await failing(items[Symbol.asyncIterator]().next(), 'deadline-exceeded')
  assert.equal(seen.ran, 0)
})

test('the time that its arguments take to arrive is part of the time of a call', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const client = new protocol.StorageNode(node.address, credentials.createInsecure(), channelOptions)
  t.after(() => client.close())
  const link = remote(linkTo(t, node.address), site)
  const { head, chunks } = outgoing([new Uint8Array(1_000_000)])
  const call = client.Call()
  call.on('data', () => undefined)
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    call.on('error', resolve)
    call.on('end', () => resolve(undefined))
  })
  call.write({ start: { type: 'probe', object: 'a', method: 'echo', callId: 'raw-client-1', arguments: head, budgetMs: 5 } })
  const until = monotonicNow() + 50
  while (monotonicNow() < until) await link.echo(1)
  for (const chunk of chunks) call.write({ chunk })
  call.end()
  const error = await ended
  assert.ok(error !== undefined, 'it went well')
  await failing(Promise.reject(failureOf(error)), 'deadline-exceeded')
  assert.equal(seen.ran, 0)
})

test('a stream whose method ignores its signal ends at its deadline, and when its caller aborts', async (t) => {
  const stuck = deferred()
  const going = deferred()
  let left = 0
  const type = defineObject({
    name: 'stuck',
    movable: {
      async *items() {
        try {
          yield 1
          going.resolve()
          await stuck.promise
          yield 2
        } finally {
          left++
        }
      },
    },
  })
  const host = createLocalHost({ objects: [type] })
  t.after(() => host.close())
  const main = remote(host, type)
  const late = withCall(main, { timeoutMs: 30 }).items()[Symbol.asyncIterator]()
  assert.deepEqual(await late.next(), { done: false, value: 1 })
  await failing(late.next(), 'deadline-exceeded')

  const controller = new AbortController()
  const given = withCall(main, { signal: controller.signal }).items()[Symbol.asyncIterator]()
  assert.deepEqual(await given.next(), { done: false, value: 1 })
  const second = given.next()
  controller.abort()
  await failing(second, 'cancelled')
  await going.promise
  assert.equal(left, 0)
  stuck.resolve()
})

test('a stream tells what it ran without its reader', async (t) => {
  const type = defineObject({
    name: 'three',
    movable: {
      async *items() {
        yield* await Promise.resolve([1, 2, 3])
      },
    },
  })
  const host = createLocalHost({ objects: [type] })
  t.after(() => host.close())
  let service = Infinity
  let total = 0
  const items = remote(host, type, 'main', {
    onReport: ({ load, totalMs }) => {
      service = load?.serviceMs ?? Infinity
      total = totalMs
    },
  }).items()
  let read = 0
  for await (const _ of items) {
    const until = monotonicNow() + 40
    while (monotonicNow() < until) await new Promise((resolve) => setImmediate(resolve))
    read += 40
  }
  assert.ok(total >= read && service <= total - read, `${service} of ${total} ms`)
})

test('nested calls have the rest of the time of their caller', async (t) => {
  const seen: (number | undefined)[] = []
  const inner = defineObject({ name: 'inner', movable: { nothing: () => null } })
  const outer = defineObject({
    name: 'outer',
    readonly: {
      async twice(self) {
        await self.object(inner, 'main').nothing()
        await withCall(self.object(inner, 'main', { at: 'other' }), { timeoutMs: 1e9 }).nothing()
      },
    },
  })
  const types: ObjectType[] = [inner, outer]
  const other = createLocalHost({ objects: types, name: 'other' })
  const watched = {
    ...other,
    call: (call: Parameters<typeof other.call>[0]) => {
      seen.push(call.context.deadline)
      return other.call(call)
    },
  }
  const host = createLocalHost({ objects: types, peers: new Map([[siteName('other'), watched]]) })
  t.after(() => Promise.all([host.close(), other.close()]))
  const deadline = monotonicNow() + 60_000
  await remote(host, outer, 'main', { deadline }).twice()
  assert.deepEqual(seen, [deadline])
})

test('all calls of a training that is split share its time', async () => {
  const deadlines: (number | undefined)[] = []
  const failed = new Error('enough is seen')
  const route = () => ({
    call: () => Promise.reject(failed),
    // oxlint-disable-next-line require-yield -- the first call is enough
    async *stream({ context }: { context: { deadline?: number } }) {
      deadlines.push(context.deadline)
      await Promise.resolve()
      throw failed
    },
    close: () => Promise.resolve(),
  })
  const { trainer: type } = await import('../../src/objects/trainer/trainer.ts')
  const stub = remoteOf<typeof trainer>(type, 'main', route, { timeoutMs: 60_000, deadline: 5 })
  await assert.rejects(splitTraining(stub, 1, { cut: 'x' }).next(), failed)
  assert.deepEqual(deadlines, [5])
})
