import sharp from 'sharp'
import { ContentRef, Tensor } from '../../src/index.ts'
import type { Value } from '../../src/core/value.ts'
import { outgoing } from '../../src/wire/frames.ts'
import type { CallStartIn } from '../../src/wire/gen/active_storage/v1/CallStart.ts'
import type { ValueIn } from '../../src/wire/gen/active_storage/v1/Value.ts'
import { limits } from '../../src/wire/limits.ts'

/** A valid call, taken apart so that a mutation can change any piece of it. */
export interface Recorded {
  readonly start: CallStartIn & { readonly arguments: ValueIn }
  readonly chunks: readonly Buffer[]
}

/** What a client would send for this call. */
export const record = (
  type: string,
  object: string,
  method: string,
  args: readonly Value[],
  more: Omit<CallStartIn, 'arguments'> = {},
): Recorded => {
  const { head, chunks, bytes } = outgoing([...args])
  return {
    start: { type, object, method, arguments: head, callId: 'fuzz-call-1', budgetMs: 5000, ...more },
    chunks: bytes > limits.inlineBytes ? Array.from(chunks, (chunk) => Buffer.from(chunk)) : [],
  }
}

const image = (side: number, format: 'jpeg' | 'png' | 'webp') =>
  sharp(Buffer.from(Array.from({ length: side * side * 3 }, (_, index) => (index * 7) & 255)), {
    raw: { width: side, height: side, channels: 3 },
  })
    .toFormat(format)
    .toBuffer()

const nested = (depth: number): Value => (depth === 0 ? 'the bottom' : { below: [nested(depth - 1)] })

/** Valid calls of every built-in type, with every kind of value among their arguments. */
export const recordCorpus = async (): Promise<readonly Recorded[]> => {
  const [jpeg, png, webp] = await Promise.all([image(24, 'jpeg'), image(16, 'png'), image(16, 'webp')])
  const ref = new ContentRef('5a'.repeat(32), 1234, 'node')
  const away = new ContentRef('a5'.repeat(32), 99, 'elsewhere')
  const ops = [
    { op: 'decode' },
    { op: 'resize', width: 8, height: 8, fit: 'cover' },
    { op: 'flip' },
    { op: 'normalize', mean: [0.5, 0.4, 0.3] },
  ]
  const spec = { ops }
  const key = { seed: 7, epoch: 1 }
  const floats = new Tensor(
    'float32',
    Float32Array.from({ length: 24 }, (_, index) => index / 3),
    [2, 3, 4],
  )
  const pixels = new Tensor('uint8', new Uint8Array(2 * 8 * 8 * 3).fill(9), [2, 8, 8, 3])
  const source = { hash: 'cd'.repeat(32), file: ref, external: [{ location: 'weights.bin', content: away }], mode: 'loop' }
  const echo = (...args: readonly Value[]) => record('site', 'main', 'echo', args)
  return [
    echo('hello'),
    echo(new Uint8Array(2000).fill(3)),
    echo(floats),
    echo(new Tensor('string', ['one', '', 'drei', '四'], [2, 2])),
    echo(new Tensor('int64', BigInt64Array.from([1n, -(2n ** 60n)]), [2]), new Tensor('bool', new Uint8Array([1, 0, 1]), [3])),
    echo(new Tensor('uint4', new Uint8Array([0x21, 0x03]), [3]), new Tensor('float16', new Uint16Array(4), [4])),
    echo(nested(20)),
    echo({
      date: new Date(0),
      zero: -0,
      nothing: undefined,
      big: 2n ** 63n,
      list: [1, -1, 1.5, 1e300, true, null],
      bytes: Buffer.from('raw'),
    }),
    echo([ref, away]),
    echo(Array.from({ length: 300 }, (_, index) => ({ id: `sample-${index}`, label: index }))),
    echo(new Uint8Array(300 * 1024).fill(1)),
    echo(new Tensor('float64', new Float64Array(160 * 1024).fill(0.25), [160, 1024]), 'and more'),
    record('site', 'main', 'describe', []),
    record('site', 'main', 'stats', []),
    record('site', 'main', 'list', [{ type: 'dataset', after: 'dataset/a', limit: 5 }]),
    record('dataset', 'photos', 'put', [
      [
        { id: 'a.jpg', bytes: jpeg, label: 1 },
        { id: 'b.png', bytes: png, label: 'cat' },
      ],
    ]),
    record('dataset', 'photos', 'put', [[{ id: 'c.webp', bytes: webp }]], { idempotencyKey: 'once', chain: ['pipeline/p', 'site/main'] }),
    record('dataset', 'photos', 'count', [], { expectedVersion: 3 }),
    record('dataset', 'photos', 'describe', []),
    record('dataset', 'photos', 'list', [{ after: 'a', limit: 10 }]),
    record('dataset', 'photos', 'sample', ['a.jpg']),
    record('dataset', 'photos', 'read', ['a.jpg']),
    record('dataset', 'photos', 'adopt', ['/nowhere', { include: '*.jpg' }]),
    record('content', 'main', 'supply', [[jpeg, png, new Uint8Array(3000)]]),
    record('content', 'main', 'supply', [[new Uint8Array(280 * 1024)]]),
    record('content', 'main', 'fetch', [[ref.hash, away.hash]]),
    record('content', 'main', 'has', [[ref.hash, 'ab'.repeat(32)]]),
    record('pipeline', 'p', 'put', [spec], { fencingToken: 4 }),
    record('pipeline', 'p', 'describe', []),
    record('pipeline', 'p', 'run', [
      spec,
      [
        { id: 'a', content: jpeg },
        { id: 'b', content: png },
      ],
      key,
    ]),
    record('pipeline', 'p', 'run', [
      spec,
      [
        { id: 'a', content: ref },
        { id: 'b', content: away },
      ],
      key,
    ]),
    record('pipeline', 'p', 'runRaw', [{ ops: ops.slice(1) }, pixels, ['a', 'b'], key]),
    record('batch', 'main', 'preprocess', [spec, [{ id: 'c', content: webp }], key]),
    record('batch', 'main', 'whole', [spec, [{ id: 'a', content: jpeg }], key, { ...source, input: 'x' }]),
    record('batch', 'main', 'forward', [{ ...source, input: 'x' }, floats]),
    record('model', 'm', 'describe', []),
    record('model', 'm', 'forward', [source, { x: floats, y: { content: away, dtype: 'float32', shape: [3, 11] } }]),
    record('model', 'm', 'put', [Buffer.from('not a model'), { 'weights.bin': Buffer.from('few') }]),
  ]
}
