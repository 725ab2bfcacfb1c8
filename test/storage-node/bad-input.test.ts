import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import { after, before, suite, test } from 'node:test'
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ContentRef } from '../../src/core/content.ts'
import type { ObjectType } from '../../src/core/define.ts'
import type { Code } from '../../src/core/errors.ts'
import { siteName } from '../../src/core/ids.ts'
import { remoteOf } from '../../src/core/remote.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Transport } from '../../src/core/transport.ts'
import { grpcTransport } from '../../src/link/grpc-transport.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { model } from '../../src/objects/model/model.ts'
import { pipeline } from '../../src/objects/pipeline/pipeline.ts'
import type { PipelineSpec } from '../../src/objects/pipeline/spec.ts'
import { site } from '../../src/objects/site.ts'
import { createStorageNode, type StorageNode } from '../../src/storage-node/node.ts'
import { outgoing } from '../../src/wire/frames.ts'
import { failureOf } from '../../src/wire/failure.ts'
import type { ClientFrameIn } from '../../src/wire/gen/active_storage/v1/ClientFrame.ts'
import { limits } from '../../src/wire/limits.ts'
import { channelOptions, protocol } from '../../src/wire/protocol.ts'
import { failing } from '../contracts/transport.ts'
import { faceModel, photo } from '../objects/data.ts'
import { modelWithExternal } from '../objects/model-files.ts'

const crc = (bytes: Buffer): number => {
  let value = ~0
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0)
  }
  return ~value >>> 0
}
const pngChunk = (type: string, data: Buffer) => {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length, 0)
  out.write(type, 4, 'latin1')
  data.copy(out, 8)
  out.writeUInt32BE(crc(out.subarray(4, 8 + data.length)), 8 + data.length)
  return out
}
/** A few bytes that claim a huge image. */
const hugePng = (width: number, height: number) => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(1000))),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

const spec: PipelineSpec = { ops: [{ op: 'decode' }, { op: 'resize', width: 32, height: 32 }, { op: 'normalize' }] }
const key = { seed: 1, epoch: 0 }

void suite('bad input', () => {
  let node: StorageNode
  let transport: Transport
  const folder = mkdtempSync(join(tmpdir(), 'as-bad-'))
  before(async () => {
    node = await createStorageNode({ data: folder, listen: '127.0.0.1:0', threads: 1 })
    transport = grpcTransport(node.address, siteName('node'))
  })
  after(async () => {
    await transport.close()
    await node.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const object = <T extends ObjectType>(type: T, id = 'main') => remoteOf(type, id, () => transport)
  /** Whatever was sent, the node answers the next caller, and holds nothing of the last call. */
  const stillServes = async () => {
    const { inFlight, site: name } = await object(site).stats()
    assert.deepEqual([name, inFlight], ['node', 1])
  }
  const refused = async (work: Promise<unknown>, code: Code, says: RegExp) => {
    const error = await failing(work, code)
    assert.match(error.message, says)
    assert.ok(error.origin.object !== undefined && error.origin.method !== undefined && error.origin.site === 'node')
    await stillServes()
  }
  const run = (id: string, bytes: Uint8Array) =>
    object(pipeline).run(
      spec,
      [
        { id: 'good.jpg', content: photo(1) },
        { id, content: bytes },
      ],
      key,
    )

  test('a truncated JPEG', () => refused(run('cut.jpg', photo(2).subarray(0, photo(2).length / 2)), 'bad-sample', /cut\.jpg/))
  test('a PNG that claims 60000x60000 pixels', () =>
    refused(run('huge.png', hugePng(60_000, 60_000)), 'bad-sample', /huge\.png.*(60000|pixels)/))
  test('a PNG that claims more than its data holds', () => refused(run('short.png', hugePng(5000, 5000)), 'bad-sample', /short\.png/))
  test('a text file named .jpg', () => refused(run('notes.jpg', Buffer.from('these are notes')), 'bad-sample', /notes\.jpg/))
  test('an empty sample', () => refused(run('empty.jpg', Buffer.alloc(0)), 'bad-sample', /empty\.jpg/))
  test('a bad sample by reference', async () => {
    const set = object(dataset, 'photos')
    await set.put([{ id: 'notes.jpg', bytes: Buffer.from('these are notes') }])
    const sample = await set.sample('notes.jpg')
    await refused(object(pipeline).run(spec, [sample], key), 'bad-sample', /notes\.jpg/)
  })
  test('a good sample beside them', async () => {
    const batch = await object(pipeline).run(
      spec,
      [
        { id: 'a', content: photo(1) },
        { id: 'b', content: photo(6) },
      ],
      key,
    )
    assert.deepEqual([batch.dtype, batch.shape[0]], ['float32', 2])
  })
  test('a pipeline that is none', () => {
    const bad: unknown = { ops: [{ op: 'resise', width: 1, height: 1 }] }
    return refused(object(pipeline).run(bad as PipelineSpec, [], key), 'invalid-argument', /resize/)
  })
  test('arguments of the wrong type', async () => {
    const wrong: unknown = 5
    const photos = object(dataset, 'photos')
    for (const call of [
      () => object(pipeline).run(spec, wrong as never, key),
      () => photos.put(wrong as never),
      () => photos.put([wrong as never]),
      () => object(model).put(wrong as never),
    ]) {
      assert.notEqual((await failingAny(call())).code, 'internal')
      await stillServes()
    }
  })

  test('a truncated model', () => refused(object(model).put(faceModel().subarray(0, 200_000)), 'bad-model', /again/))
  test('a model of text', () => refused(object(model).put(Buffer.from('this is no model')), 'bad-model', /again/))
  test('a model with data outside its folder', () =>
    refused(
      object(model).put(modelWithExternal('../../etc/passwd'), { '../../etc/passwd': Buffer.from('x') }),
      'bad-model',
      /outside its own folder/,
    ))
  test('a model whose data did not come with it', () =>
    refused(object(model).put(modelWithExternal('weights.bin')), 'bad-model', /weights\.bin.*put the model from its folder/))
  test('a model that onnxruntime refuses', () =>
    refused(object(model).put(modelWithExternal('weights.bin'), { 'weights.bin': Buffer.from('few') }), 'bad-model', /onnxruntime/))
  test('a model that was refused leaves no object', () => refused(object(model).describe(), 'not-found', /main/))

  test('tensors of the wrong name, dtype and shape', async () => {
    const face = object(model, 'face')
    const source = await face.put(faceModel())
    const [input] = source.inputs
    assert.ok(input !== undefined)
    const sides = input.shape.map(Number)
    const size = sides.reduce((product, side) => product * side, 1)
    const good = new Tensor('float32', new Float32Array(size), sides)
    const bad = (name: string, tensor: Tensor) => face.forward(source, { [name]: tensor })
    await refused(
      bad(input.name, new Tensor('float64', new Float64Array(size), sides)),
      'tensor-mismatch',
      /needs float32 .* given float64/,
    )
    await refused(
      bad(input.name, new Tensor('float32', new Float32Array(size / 2), [sides[0]!, sides[1]! / 2, ...sides.slice(2)])),
      'tensor-mismatch',
      /needs float32 \[.*given float32 \[/,
    )
    await refused(bad(input.name, new Tensor('float32', new Float32Array(4), [2, 2])), 'tensor-mismatch', /given float32 \[.*2\]/)
    await refused(bad('another', good), 'tensor-mismatch', new RegExp(`no input "another"; it has ${input.name}`))
    await refused(face.forward(source, {}), 'tensor-mismatch', /is missing/)
    const { outputs } = await bad(input.name, good)
    assert.equal(Object.keys(outputs).length, source.outputs.length)
  })

  test('inputs that are nowhere', () => {
    const ref = new ContentRef('0'.repeat(64), 5, 'elsewhere')
    return refused(object(pipeline).run(spec, [{ id: 'a', content: ref }], key), 'missing-inputs', /elsewhere.*--peer/)
  })

  /** Sends these very frames, as a program in another language could. */
  const raw = (frames: readonly ClientFrameIn[], end = true) =>
    new Promise<Error | undefined>((resolve) => {
      const client = new protocol.StorageNode(node.address, credentials.createInsecure(), channelOptions)
      const call = client.Call({ deadline: Date.now() + 10_000 })
      let error: ServiceError | undefined
      call.on('data', () => undefined)
      call.on('error', (thrown: ServiceError) => (error = thrown))
      call.on('status', (status: { code: number; details: string; metadata: Metadata }) => {
        client.close()
        resolve(status.code === 0 ? undefined : failureOf(error ?? Object.assign(new Error(status.details), status)))
      })
      for (const frame of frames) call.write(frame)
      if (end) call.end()
    })
  const starting = (change: Partial<NonNullable<ClientFrameIn['start']>> = {}): ClientFrameIn => ({
    start: { type: 'site', object: 'main', method: 'echo', callId: 'raw-client-1', arguments: outgoing([]).head, ...change },
  })
  const rawRefused = async (frames: readonly ClientFrameIn[], code: Code, says: RegExp) => {
    const error = await raw(frames)
    assert.ok(error !== undefined, 'the node took it')
    await failing(Promise.reject(error), code)
    assert.match(error.message, says)
    await stillServes()
  }
  const tensorArgument = () => outgoing([new Tensor('float32', new Float32Array(4), [4])]).head

  test('a raw call that is right', async () => assert.equal(await raw([starting({ arguments: tensorArgument() })]), undefined))
  test('a tensor whose declared size disagrees with its bytes', async () => {
    const head = tensorArgument()
    const declared = (shape: readonly number[], byteLength: number) => ({
      ...head,
      segments: [{ dtype: 'float32', shape: [...shape], byteLength }],
    })
    await rawRefused([starting({ arguments: declared([5], 16) })], 'malformed-message', /segment 0.*need 20 bytes/)
    await rawRefused([starting({ arguments: declared([5], 20) })], 'malformed-message', /announce 20 bytes, 16 came/)
    await rawRefused([starting({ arguments: declared([2 ** 20, 2 ** 20, 2 ** 20], 16) })], 'malformed-message', /segment 0/)
    const chunked = (...sizes: readonly number[]) => [
      starting({ arguments: { ...declared([1_000_000], 4_000_000), inline: Buffer.alloc(0) } }),
      ...sizes.map((size) => ({ chunk: Buffer.alloc(size) })),
    ]
    await rawRefused(chunked(2_000_000, 1_999_999), 'malformed-message', /before its arguments were whole/)
    await rawRefused(chunked(2_000_000, 2_000_001), 'malformed-message', /1 bytes more/)
    await rawRefused(chunked(4_000_000), 'too-large', /a message of 400000\d bytes; the most is 2097152/)
    await rawRefused(
      [
        starting({
          arguments: { ...head, segments: [{ dtype: 'bytes', shape: [], byteLength: limits.valueBytes + 1 }], inline: Buffer.alloc(0) },
        }),
      ],
      'too-large',
      /the most is/,
    )
  })
  test('frames in the wrong order', async () => {
    await rawRefused([], 'malformed-message', /before its arguments were whole/)
    await rawRefused([{ chunk: Buffer.alloc(5) }], 'malformed-message', /belongs to nothing/)
    await rawRefused([{}], 'malformed-message', /belongs to nothing/)
    await rawRefused(
      [{ start: { type: 'site', object: 'main', method: 'echo', callId: 'raw-client-1' } }],
      'malformed-message',
      /without arguments/,
    )
    const waiting = {
      ...outgoing([]).head,
      body: outgoing([new Uint8Array(2000)]).head.body ?? Buffer.alloc(0),
      segments: [{ dtype: 'bytes', shape: [], byteLength: 1_000_000 }],
      inline: Buffer.alloc(0),
    }
    await rawRefused([starting({ arguments: waiting }), starting()], 'malformed-message', /starts twice/)
  })
  test('a body that is no MessagePack, holds records, a foreign extension or "__proto__"', async () => {
    for (const body of [
      Buffer.from([0xc1]),
      Buffer.from([0xd4, 0x72, 0x40]),
      Buffer.from([0x91, 0xd4, 0x74, 0]),
      Buffer.from([0x91, 0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]),
      Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
      Buffer.alloc(0),
      Buffer.from([0x90, 0x90]),
    ]) {
      await rawRefused([starting({ arguments: { body, segments: [], inline: Buffer.alloc(0) } })], 'malformed-message', /MessagePack/)
    }
    await rawRefused([starting({ arguments: outgoing({ not: 'a list' }).head })], 'malformed-message', /not a list/)
  })
  test('names that are none', async () => {
    await rawRefused(
      [starting({ method: 'nope' })],
      'unknown-method',
      /it has .*collect, declaration, describe, dropCaches, echo, flush, list, stats/,
    )
    await rawRefused([starting({ method: '__proto__' })], 'unknown-method', /it has .*describe/)
    await rawRefused([starting({ type: '__proto__' })], 'unknown-type', /it hosts batch, content, dataset/)
    for (const id of ['__proto__', '', '../x', 'a\0b']) await rawRefused([starting({ object: id })], 'invalid-argument', /object name/)
    await rawRefused([starting({ callId: '' })], 'invalid-argument', /call id/)
    await rawRefused([starting({ idempotencyKey: 'k'.repeat(257) })], 'malformed-message', /idempotency key/)
    await rawRefused([starting({ chain: Array.from({ length: 257 }, () => 'a/b') })], 'malformed-message', /chain/)
  })
  test('a client that disappears in the middle of its arguments', async () => {
    const client = new protocol.StorageNode(node.address, credentials.createInsecure(), channelOptions)
    const call = client.Call()
    call.on('data', () => undefined)
    const ended = new Promise<void>((resolve) => call.on('status', () => resolve()))
    call.on('error', () => undefined)
    call.write(
      starting({
        arguments: {
          body: outgoing([new Uint8Array(2000)]).head.body ?? Buffer.alloc(0),
          segments: [{ dtype: 'bytes', shape: [], byteLength: 1_000_000 }],
          inline: Buffer.alloc(0),
        },
      }),
    )
    call.write({ chunk: Buffer.alloc(1000) }, () => call.cancel())
    await ended
    client.close()
    await stillServes()
  })
})

const failingAny = async (work: Promise<unknown>): Promise<{ code: unknown }> => {
  const thrown: unknown = await work.then(
    () => assert.fail('it was taken'),
    (error: unknown) => error,
  )
  assert.ok(typeof thrown === 'object' && thrown !== null && 'code' in thrown)
  return thrown
}
