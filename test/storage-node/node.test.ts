import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { defineObject } from '../../src/core/define.ts'
import { newCallId, objectId, typeName } from '../../src/core/ids.ts'
import { integer, object } from '../../src/core/schema.ts'
import type { Value } from '../../src/core/value.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { site } from '../../src/objects/site.ts'
import { createStorageNode } from '../../src/storage-node/node.ts'
import { createProbe } from '../contracts/probe.ts'
import { failing } from '../contracts/transport.ts'
import { healthOf } from './health.ts'
import { linkTo, remote, startNode, temporaryFolder } from './support.ts'

test('a node keeps its objects over a restart', async (t) => {
  const { type } = createProbe()
  const data = temporaryFolder(t)
  const first = await startNode(t, { data, objects: [type] })
  await remote(linkTo(t, first.address), type).add(41)
  await first.close()
  const second = await startNode(t, { data, objects: [type] })
  const main = remote(linkTo(t, second.address), type)
  assert.equal(await main.count(), 41)
  assert.equal(await main.add(1), 42)
  assert.deepEqual(await remote(linkTo(t, second.address), site).list({}), [{ type: 'probe', id: 'main', version: 2 }])
})

test('an idempotency key is remembered over a restart', async (t) => {
  const { type, seen } = createProbe()
  const data = temporaryFolder(t)
  const first = await startNode(t, { data, objects: [type] })
  assert.equal(await remote(linkTo(t, first.address), type, 'main', { idempotencyKey: 'k' }).add(2), 2)
  await first.close()
  const second = await startNode(t, { data, objects: [type] })
  assert.equal(await remote(linkTo(t, second.address), type, 'main', { idempotencyKey: 'k' }).add(2), 2)
  assert.equal(seen.ran, 1)
})

test('a second node on the same folder is refused, and after close the folder is free', async (t) => {
  const data = temporaryFolder(t)
  const first = await startNode(t, { data })
  await failing(createStorageNode({ data, listen: '127.0.0.1:0' }), 'folder-in-use')
  await first.close()
  await startNode(t, { data })
})

test('a port that is taken is address-in-use with a remedy, and the folder is free again', async (t) => {
  const first = await startNode(t)
  const data = temporaryFolder(t)
  const error = await failing(createStorageNode({ data, listen: first.address }), 'address-in-use')
  assert.match(error.message, /choose another port with --listen/)
  await startNode(t, { data })
})

test('listening beyond loopback is refused without --insecure, before anything is touched', async (t) => {
  const data = join(temporaryFolder(t), 'never-made')
  for (const listen of ['0.0.0.0:0', '[::]:0', '192.0.2.1:7070', 'edge-7:7070', '127.0.0.1.example:1']) {
    const error = await failing(createStorageNode({ data, listen }), 'permission-denied')
    assert.match(error.message, /--insecure/)
  }
  const open = await startNode(t, { listen: '0.0.0.0:0', insecure: true })
  assert.match(open.address, /^0\.0\.0\.0:\d+$/)
})

test('bad options are refused by name', async (t) => {
  const data = temporaryFolder(t)
  await failing(createStorageNode({ data, name: 'local' }), 'invalid-argument')
  await failing(createStorageNode({ data, name: '../x' }), 'invalid-argument')
  await failing(createStorageNode({ data, listen: 'nowhere' }), 'invalid-argument')
  await failing(createStorageNode({ data, listen: '127.0.0.1:0', peers: { 'edge-7': 'nowhere' } }), 'invalid-argument')
  writeFileSync(join(data, 'file'), '')
  await failing(createStorageNode({ data: join(data, 'file'), listen: '127.0.0.1:0' }), 'storage-failed')
  await startNode(t, { data })
})

test('a node that stops finishes what is under way', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const main = remote(linkTo(t, node.address), type)
  const call = main.gated()
  const turn = main.addGated(3)
  await seen.waiting.promise
  const closing = node.close()
  setImmediate(() => seen.opened.resolve())
  assert.equal(await call, 'finished')
  assert.equal(await turn, 3)
  await closing
})

test('a node that stops gives up on what does not end in time', { timeout: 600_000 }, async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const call = remote(linkTo(t, node.address), type).wait()
  const broken = failing(call, 'unavailable')
  await seen.waiting.promise
  await node.close({ graceMs: 50 })
  await broken
  assert.equal(await seen.aborted.promise, 'cancelled')
})

test('beyond its limits a node refuses at the door with overloaded and a time to wait, and then goes on', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type], limits: { calls: 3, streams: 1 } })
  const main = remote(linkTo(t, node.address), type)
  const stream = main.waitAfterOne()[Symbol.asyncIterator]()
  await stream.next()
  const overStreams = await failing(main.numbers(1)[Symbol.asyncIterator]().next(), 'overloaded')
  assert.match(overStreams.message, /1 streams/)
  const waiting = [main.gated(), main.gated()]
  await seen.waiting.promise
  // Both gated calls are in, as calls of one connection come in order.
  const error = await failing(main.nothing(), 'overloaded')
  assert.match(error.message, /3 calls are under way/)
  const details: unknown = error.details
  assert.ok(typeof details === 'object' && details !== null && 'retryAfterMs' in details && Number(details.retryAfterMs) >= 5)
  assert.equal(seen.ran, 0)
  seen.opened.resolve()
  assert.deepEqual(await Promise.all(waiting), ['finished', 'finished'])
  await main.nothing()
  assert.equal(node.host.stats().refused, 2)
  await stream.return?.()
})

test('a node stops at once although its health is watched and its reflection is open, and the watcher hears of it', async (t) => {
  const node = await startNode(t)
  const watch = healthOf(t, node.address).watch('')
  assert.deepEqual(await watch.next(), { status: 'SERVING' })
  const client = new Client(node.address, credentials.createInsecure())
  t.after(() => client.close())
  const raw = (bytes: Buffer) => bytes
  const reflection = client.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', raw, raw)
  reflection.on('error', () => undefined)
  // list_services, field 7: an answer shows that the stream is open at the node.
  reflection.write(Buffer.from([0x3a, 0x00]))
  await new Promise((resolve) => reflection.once('data', resolve))
  // No time is left to it that would let it wait for a force: where it waited for the streams, this would not end.
  await node.close({ graceMs: 2 ** 31 - 1 })
  assert.deepEqual(await watch.next(), { status: 'NOT_SERVING' })
  assert.equal(await watch.next(), undefined)
})

test('a caller that names a chain of its own is not let in beyond the limit; a call made in one that runs here is', async (t) => {
  const { type, seen } = createProbe()
  const front = defineObject({
    name: 'front',
    state: () => ({ calls: 0 }),
    schema: object({ calls: integer() }),
    methods: {
      async viaProbe(self): Promise<readonly Value[]> {
        return self.object(type, 'main').echo('from within')
      },
    },
  })
  const node = await startNode(t, { objects: [type, front], limits: { calls: 2 } })
  const link = linkTo(t, node.address)
  const held = remote(link, type).gated()
  await seen.waiting.promise
  // The second place is its own; the call that it makes needs one more.
  assert.deepEqual(await remote(link, front).viaProbe(), ['from within'])
  const second = remote(link, type).gated()
  const claimed = (chain: readonly string[]) =>
    link.call({
      type: typeName('probe'),
      object: objectId('main'),
      method: 'nothing',
      kind: 'movable',
      args: [],
      context: { callId: newCallId(), chain },
    })
  for (const chain of [['x'], ['probe/main#x', 'front/main#y']]) await failing(claimed(chain), 'overloaded')
  seen.opened.resolve()
  await Promise.all([held, second])
})

test('arguments under way are bounded in bytes', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type], limits: { bytes: 1_000_000 } })
  const link = linkTo(t, node.address)
  const main = remote(link, type)
  // Small calls do not count here: they have room of their own.
  const held = link.call({
    type: typeName('probe'),
    object: objectId('main'),
    method: 'gated',
    kind: 'movable',
    args: [new Uint8Array(600_000)],
    context: { callId: newCallId(), chain: [] },
  })
  await seen.waiting.promise
  await failing(main.echo(new Uint8Array(1_500_000)), 'overloaded')
  seen.opened.resolve()
  await held
  const [back] = await main.echo(new Uint8Array(1_500_000))
  assert.ok(back instanceof Uint8Array && back.byteLength === 1_500_000)
})

test('the standard health service says SERVING, and NOT_SERVING when the node stops', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const { check, watch } = healthOf(t, node.address)
  assert.deepEqual(await check(''), { status: 'SERVING' })
  assert.deepEqual(await check('active_storage.v1.StorageNode'), { status: 'SERVING' })
  await assert.rejects(check('another.Service'), /NOT_FOUND|unknown/)

  const states = watch('')
  assert.deepEqual(await states.next(), { status: 'SERVING' })
  const held = remote(linkTo(t, node.address), type).gated()
  await seen.waiting.promise
  const closing = node.close()
  assert.deepEqual(await states.next(), { status: 'NOT_SERVING' })
  seen.opened.resolve()
  await held
  states.cancel()
  await closing
})

test('server reflection lists the service', async (t) => {
  const node = await startNode(t)
  const folder = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'))
  const definition = loadSync(join(folder, 'build/proto/grpc/reflection/v1/reflection.proto'), { enums: String, oneofs: true })
  assert.ok(loadPackageDefinition(definition)['grpc'] !== undefined)
  const service = definition['grpc.reflection.v1.ServerReflection'] as Record<
    string,
    { path: string; requestSerialize: (value: object) => Buffer; responseDeserialize: (bytes: Buffer) => unknown }
  >
  const { path, requestSerialize, responseDeserialize } = service['ServerReflectionInfo']!
  const client = new Client(node.address, credentials.createInsecure())
  t.after(() => client.close())
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  call.write({ listServices: '' })
  call.write({ fileContainingSymbol: 'active_storage.v1.StorageNode' })
  call.write({ fileContainingSymbol: 'grpc.health.v1.Health' })
  call.end()
  const answers: unknown[] = []
  for await (const answer of call) answers.push(answer)
  assert.match(JSON.stringify(answers), /"name":"active_storage\.v1\.StorageNode"/)
  assert.match(JSON.stringify(answers), /"name":"grpc\.health\.v1\.Health"/)
  assert.equal(answers.length, 3)
  assert.doesNotMatch(JSON.stringify(answers), /errorResponse"?:\{/)
})

test('a folder outside --adopt is refused, also by a link that leads out, and one inside is taken in', async (t) => {
  const base = temporaryFolder(t)
  const [photos, secrets] = [join(base, 'photos'), join(base, 'secrets')]
  for (const folder of [photos, secrets, join(photos, 'cats')]) mkdirSync(folder)
  writeFileSync(join(photos, 'cats', 'a.jpg'), 'a photo')
  writeFileSync(join(secrets, 'key.jpg'), 'a secret')
  symlinkSync(secrets, join(photos, 'out'))
  symlinkSync(join(secrets, 'key.jpg'), join(photos, 'key.jpg'))
  const node = await startNode(t, { adopt: [photos] })
  const set = remote(linkTo(t, node.address), dataset, 'photos')
  await failing(set.adopt(secrets), 'permission-denied')
  await failing(set.adopt(join(photos, 'out')), 'permission-denied')
  await failing(set.adopt(join(photos, '..', 'secrets')), 'permission-denied')
  await failing(set.count(), 'not-found')
  const { report, ...result } = await set.adopt(photos, { labels: 'folder' })
  assert.deepEqual(result, { added: 1, count: 1, bytes: 7 })
  assert.deepEqual(report.skipped, [{ reason: 'link-outside', count: 2, examples: ['key.jpg', 'out'] }])
  assert.deepEqual(
    (await set.list({})).map(({ id, label }) => [id, label]),
    [['cats/a.jpg', 'cats']],
  )
  await failing(set.adopt(join(photos, 'none')), 'not-found')
  // Whether there is anything outside is not told.
  await failing(set.adopt(join(base, 'none')), 'permission-denied')

  const closed = await startNode(t, { name: 'closed' })
  const error = await failing(remote(linkTo(t, closed.address, 'closed'), dataset, 'photos').adopt(photos), 'permission-denied')
  assert.match(error.message, /--adopt/)
})

test('an adopted file that changed is content-changed, and the others can still be read', async (t) => {
  const photos = temporaryFolder(t)
  for (const name of ['a', 'b']) writeFileSync(join(photos, `${name}.jpg`), `photo ${name}`)
  const node = await startNode(t, { adopt: [photos] })
  const set = remote(linkTo(t, node.address), dataset, 'photos')
  await set.adopt(photos)
  writeFileSync(join(photos, 'a.jpg'), 'another, longer photo')
  assert.match((await failing(set.read('a.jpg'), 'content-changed')).message, /a\.jpg/)
  assert.equal(Buffer.from(await set.read('b.jpg')).toString(), 'photo b')
  await set.adopt(photos)
  assert.equal(Buffer.from(await set.read('a.jpg')).toString(), 'another, longer photo')
})

test('the stack of an error goes out only where the operator allows it', async (t) => {
  const { type } = createProbe()
  for (const stacks of [false, true]) {
    const node = await startNode(t, { objects: [type], stacks })
    const error = await failing(remote(linkTo(t, node.address), type).addThenFail(1), 'method-threw')
    assert.equal(/changed its mind[^]*probe\.ts/.test(error.origin.stack ?? ''), stacks)
  }
})
