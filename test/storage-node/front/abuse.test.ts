import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Stream } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { withCall } from '../../../src/core/remote.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { pipeline } from '../../../src/objects/pipeline/pipeline.ts'
import type { Op } from '../../../src/objects/pipeline/ops.ts'
import { site } from '../../../src/objects/site.ts'
import { failing } from '../../contracts/transport.ts'
import { head, HEADERS, message, open, request, startOf } from '../../abuse/wire.ts'
import { healthOf } from '../health.ts'
import { linkTo, remote, startNode } from '../support.ts'

const MIB = 1024 ** 2

const connection = async (t: TestContext, address: string, window?: number) => {
  const session = await open(address, window)
  t.after(() => session.destroy())
  return session
}
/** Resolves when it is so: what a node does with what it is sent is seen a little later. */
const until = async (so: () => boolean | Promise<boolean>) => {
  while (!(await so())) await new Promise((resolve) => setImmediate(resolve))
}
const trailersOf = async (stream: ClientHttp2Stream): Promise<string> => {
  const [headers] = (await once(stream, 'response')) as [Record<string, string>]
  return decodeURI(headers['grpc-message'] ?? '')
}

test('a message that is not whole counts: beyond the limit it is refused with a typed error, and others are answered', async (t) => {
  const node = await startNode(t, { limits: { bytes: 4 * MIB } })
  const session = await connection(t, node.address)
  const main = remote(linkTo(t, node.address), site)
  const first = request(session)
  first.write(Buffer.concat([head(8 * MIB), Buffer.alloc(3 * MIB)]))
  await until(() => node.host.admission.argumentBytes >= 3 * MIB)
  const second = request(session)
  second.write(Buffer.concat([head(8 * MIB), Buffer.alloc(3 * MIB)]))
  assert.match(await trailersOf(second), /^\[overloaded\] calls under way hold \d+ bytes/)
  assert.equal(await main.echo('small'), 'small')
  first.close()
  await until(() => node.host.admission.argumentBytes === 0)
})

test('a message larger than any is refused before it comes, and so is one that is compressed', async (t) => {
  const node = await startNode(t)
  const session = await connection(t, node.address)
  const large = request(session)
  large.write(head(17 * MIB))
  assert.match(await trailersOf(large), /^\[too-large\] a message of 17825792 bytes; the most is 16777216/)
  const compressed = request(session, { ...HEADERS, 'grpc-encoding': 'gzip' })
  compressed.write(head(100, 1))
  assert.match(await trailersOf(compressed), /^\[unsupported\] compressed messages/)
})

test('a result is held until it is taken, and counts as the arguments of others do', async (t) => {
  const node = await startNode(t, { limits: { bytes: 4 * MIB } })
  // This end takes 64 KiB of each result, and then nothing more.
  const session = await connection(t, node.address, 65_535)
  const unread = request(session)
  unread.end(message(startOf('site', 'main', 'echo', [new Uint8Array(200 * 1024)])))
  const large = request(session)
  const value = new Uint8Array(3 * MIB)
  large.write(message({ start: { ...startOf('site', 'main', 'echo', [value]).start, arguments: chunkedHead(value.byteLength) } }))
  for (let at = 0; at < value.byteLength; at += MIB) large.write(message({ chunk: value.subarray(at, at + MIB) }))
  large.end()
  await until(() => node.host.stats().inFlight === 0 && node.host.admission.argumentBytes >= 3 * MIB)
  const main = remote(linkTo(t, node.address), site)
  await failing(main.echo(new Uint8Array(2 * MIB)), 'overloaded')
  assert.equal(await main.echo('small'), 'small')
  for (const stream of [unread, large]) stream.resume()
  await Promise.all([once(large, 'end'), once(unread, 'end')])
  await until(() => node.host.admission.argumentBytes === 0)
  assert.equal(((await main.echo(new Uint8Array(2 * MIB))) as Uint8Array).byteLength, 2 * MIB)
})
const chunkedHead = (byteLength: number) => ({
  body: Buffer.from([0x91, 0xd6, 1, 0, 0, 0, 0]),
  segments: [{ dtype: 'bytes', shape: [], byteLength }],
  inline: Buffer.alloc(0),
})

test('of streams that say nothing no more are waited for than the node takes, and health and calls are answered', async (t) => {
  const node = await startNode(t, { limits: { calls: 8 } })
  const sessions = await Promise.all([1, 2].map(() => connection(t, node.address)))
  let closed = 0
  const streams = sessions.flatMap((session) => Array.from({ length: 300 }, () => request(session)))
  for (const stream of streams) stream.once('close', () => closed++)
  // 256 at the most: the others were refused, or their connection was closed.
  await until(() => closed >= 600 - 256)
  assert.equal(await remote(linkTo(t, node.address), site).echo(1), 1)
  assert.deepEqual(await healthOf(t, node.address).check(''), { status: 'SERVING' })
})

const key = { seed: 0, epoch: 0 }
const bombs: Readonly<Record<string, (link: ReturnType<typeof linkTo>) => Promise<unknown>>> = {
  'a resize to much': (link) => {
    const ops: readonly Op[] = [{ op: 'resize', width: 9000, height: 9000 }]
    return remote(link, pipeline).runRaw({ ops }, new Tensor('uint8', new Uint8Array(3), [1, 1, 1, 3]), ['x'], key)
  },
  'a batch of large pictures': (link) => {
    const ops: readonly Op[] = [{ op: 'resize', width: 2000, height: 2000 }, { op: 'normalize' }]
    const ids = Array.from({ length: 16 }, (_, index) => String(index))
    return remote(link, pipeline).runRaw({ ops }, new Tensor('uint8', new Uint8Array(48), [16, 1, 1, 3]), ids, key)
  },
  'texts padded to a million tokens': (link) => {
    const ops: readonly Op[] = [
      { op: 'tokenize', level: 'byte' },
      { op: 'pad', length: 1_048_576 },
    ]
    const samples = Array.from({ length: 30 }, (_, index) => ({ id: String(index), content: Buffer.from('x') }))
    return remote(link, pipeline).runNamed({ ops }, samples, key)
  },
  'numbers padded to a million': (link) => {
    const ops: readonly Op[] = [
      { op: 'tensor', dtype: 'float32', shape: [], series: true },
      { op: 'pad', length: 1_048_576 },
    ]
    const samples = Array.from({ length: 30 }, (_, index) => ({ id: String(index), content: Buffer.alloc(4) }))
    return remote(link, pipeline).runNamed({ ops }, samples, key)
  },
}
for (const [name, bomb] of Object.entries(bombs))
  test(`${name} is refused before it is made, by the memory of the node`, async (t) => {
    const node = await startNode(t, { limits: { callBytes: 64 * MIB } })
    const error = await failing(bomb(linkTo(t, node.address)), 'resource-exhausted')
    assert.match(error.message, /start the node with more --memory/)
    assert.equal(node.host.admission.argumentBytes, 0)
    // As much as there is memory for is made.
    const small = withCall(remote(linkTo(t, node.address), pipeline), {})
    const ops: readonly Op[] = [{ op: 'resize', width: 900, height: 900 }]
    const made = await small.runRaw({ ops }, new Tensor('uint8', new Uint8Array(3), [1, 1, 1, 3]), ['x'], key)
    assert.deepEqual(made.shape, [1, 3, 900, 900])
  })

test('plain data counts as what it takes once it is decoded', async (t) => {
  const node = await startNode(t, { limits: { callBytes: 16 * MIB } })
  const main = remote(linkTo(t, node.address), site)
  // Two bytes each, and some twenty in memory.
  const words = Array.from({ length: 1_000_000 }, () => 'a')
  const error = await failing(main.echo(words as unknown as string), 'too-large')
  assert.match(error.message, /the most is 16777216/)
})
