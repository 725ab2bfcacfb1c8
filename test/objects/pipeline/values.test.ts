import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tensor } from '../../../src/core/tensor.ts'
import { ContentRef } from '../../../src/core/content.ts'
import { createMoments } from '../../../src/objects/pipeline/moments.ts'
import { checkPipeline, type Op, pipelineHash } from '../../../src/objects/pipeline/spec.ts'
import { runText, runValues } from '../../../src/objects/pipeline/values.ts'
import { wordsOf } from '../../../src/objects/pipeline/words.ts'

const bytes = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer)
const tensor: Op = { op: 'tensor', dtype: 'float32', shape: [2], series: true }
const run = async (ops: readonly Op[], ...samples: readonly (readonly number[])[]) => {
  checkPipeline({ ops })
  return runValues(
    { ops },
    samples.map((values, index) => ({ id: `s${index}`, bytes: bytes(values) })),
  )
}
const shown = async (running: ReturnType<typeof runValues>) => {
  const made = await running
  return Object.fromEntries(
    Object.entries(made instanceof Tensor ? { data: made } : made).map(([name, { dtype, shape, data }]) => [
      name,
      [dtype, shape, Array.from(data, Number)],
    ]),
  )
}

test('series are cut or filled to a length, with a mask, lengths, or neither', async () => {
  const series = [
    [1, 2, 3, 4, 5, 6],
    [7, 8],
  ] as const
  assert.deepEqual(await shown(run([tensor, { op: 'pad', length: 2, value: -1 }], ...series)), {
    data: ['float32', [2, 2, 2], [1, 2, 3, 4, 7, 8, -1, -1]],
    mask: ['float32', [2, 2], [1, 1, 1, 0]],
  })
  assert.deepEqual((await shown(run([tensor, { op: 'pad', length: 4, output: 'lengths' }], ...series)))['lengths'], ['int64', [2], [3, 1]])
  assert.deepEqual(await shown(run([tensor, { op: 'pad', length: 1, output: 'none' }], ...series)), {
    data: ['float32', [2, 1, 2], [1, 2, 7, 8]],
  })
  await assert.rejects(run([tensor], ...series), {
    code: 'bad-sample',
    message: /"s1" has 1 steps, sample "s0".*3: end the pipeline with pad/,
  })
  await assert.rejects(run([tensor], [1, 2, 3]), { code: 'bad-sample', message: /12 bytes; float32 \[2\] are 8/ })
})

test('standardize is (value - mean) / std over the last axis, in float32 or the dtype asked for', async () => {
  const standardize: Op = { op: 'standardize', mean: [1, 2], std: [2, 4] }
  assert.deepEqual(await shown(run([tensor, standardize], [3, 2, 1, 6])), { data: ['float32', [1, 2, 2], [1, 0, 0, 1]] })
  assert.deepEqual(
    (await shown(run([tensor, standardize, { op: 'dtype', dtype: 'float16' }], [3, 2, 1, 6])))['data']?.[2],
    [0x3c00, 0, 0, 0x3c00],
  )
  await assert.rejects(run([tensor, { op: 'standardize', mean: [1, 2, 3], std: 1 }], [1, 2]), {
    code: 'invalid-argument',
    message: /3 for a last axis of 2/,
  })
})

test('whole numbers of 64 bits stay what they are', async () => {
  const values = BigInt64Array.from([2n ** 62n + 1n, -1n])
  const made = await runValues({ ops: [{ op: 'tensor', dtype: 'int64', shape: [2] }] }, [{ id: 'a', bytes: new Uint8Array(values.buffer) }])
  assert.ok(made instanceof Tensor)
  assert.deepEqual([...made.data], [...values])
})

test('words are runs of letters and digits, and signs; only A to Z are lowered', () => {
  assert.deepEqual(wordsOf("Don't SHOUT, Ärger 3.5!\n", true), ['don', "'", 't', 'shout', ',', 'Ärger', '3', '.', '5', '!'])
  assert.deepEqual(wordsOf('Ab', false), ['Ab'])
})

test('tokens: words by their vocabulary, bytes by themselves; 0 fills and 1 is unknown', async () => {
  const text = async (ops: readonly Op[], ...texts: readonly string[]) => {
    checkPipeline({ ops })
    return shown(
      runText(
        { ops },
        texts.map((each, index) => ({ id: `t${index}`, bytes: Buffer.from(each) })),
        undefined,
      ),
    )
  }
  assert.deepEqual(
    await text(
      [
        { op: 'tokenize', level: 'word', vocabulary: ['b', 'a'] },
        { op: 'pad', length: 3 },
      ],
      'A x b a',
      '',
    ),
    {
      tokens: ['int64', [2, 3], [3, 1, 2, 0, 0, 0]],
      mask: ['float32', [2, 3], [1, 1, 1, 0, 0, 0]],
    },
  )
  assert.deepEqual(
    (
      await text(
        [
          { op: 'tokenize', level: 'byte' },
          { op: 'pad', length: 3, output: 'none' },
        ],
        'A\u0000',
      )
    )['data'],
    ['int64', [1, 3], [99, 2, 0]],
  )
  assert.deepEqual(
    (
      await text(
        [
          { op: 'tokenize', level: 'byte', lowercase: false },
          { op: 'pad', length: 1, output: 'none' },
        ],
        'A',
      )
    )['data']?.[2],
    [67],
  )
})

test('means and deviations are those of two passes, whatever the axis', () => {
  const side = fc.integer({ min: 1, max: 4 })
  fc.assert(
    fc.property(
      fc.tuple(side, side, side),
      fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 128, maxLength: 128 }),
      fc.nat(2),
      (shape, values, axis) => {
        const size = shape.reduce((product, each) => product * each, 1)
        const batches = [0, 1].map((half) => new Tensor('float64', Float64Array.from(values.slice(half * 64, half * 64 + size)), shape))
        const moments = createMoments()
        for (const batch of batches) moments.add(batch, axis)
        const inner = shape.slice(axis + 1).reduce((product, each) => product * each, 1)
        const { count, mean, std } = moments.result()
        for (let place = 0; place < shape[axis]!; place++) {
          const own = batches.flatMap((batch) =>
            [...batch.data].map(Number).filter((_, index) => Math.floor(index / inner) % shape[axis]! === place),
          )
          const average = own.reduce((sum, each) => sum + each, 0) / own.length
          const deviation = Math.sqrt(own.reduce((sum, each) => sum + (each - average) ** 2, 0) / own.length)
          assert.equal(count, own.length)
          assert.ok(Math.abs(mean[place]! - average) < 1e-9 * 1e3)
          assert.ok(Math.abs(std[place]! - (deviation || 1)) < 1e-6 || deviation < 1e-9)
        }
      },
    ),
  )
})

test('the hash of a spec is that of its work: content by its hash, a border of none is no border', () => {
  const tokenize = (home: string) =>
    pipelineHash({
      ops: [
        { op: 'tokenize', level: 'word', vocabulary: new ContentRef('a'.repeat(64), 5, home) },
        { op: 'pad', length: 3 },
      ],
    })
  assert.equal(tokenize('edge'), tokenize('cloud'))
  const crop = (padding?: number) =>
    pipelineHash({ ops: [{ op: 'decode' }, { op: 'random-crop', width: 2, height: 2, ...(padding !== undefined && { padding }) }] })
  assert.equal(crop(), crop(0))
  assert.notEqual(crop(), crop(1))
  const window = (stride?: number) =>
    pipelineHash({
      ops: [
        { op: 'tensor', dtype: 'float32', shape: [] },
        { op: 'window', length: 2, ...(stride !== undefined && { stride }) },
      ],
    })
  assert.equal(window(), window(1))
  assert.notEqual(window(), window(2))
})

const wrong: readonly (readonly [readonly unknown[], RegExp])[] = [
  [
    [
      { op: 'tokenize', level: 'word' },
      { op: 'pad', length: 2 },
    ],
    /ops\[0\]\.vocabulary.*buildVocabulary/,
  ],
  [
    [
      { op: 'tokenize', level: 'byte', vocabulary: ['a'] },
      { op: 'pad', length: 2 },
    ],
    /by bytes has none/,
  ],
  [[{ op: 'tokenize', level: 'byte' }], /end with.*pad/],
  [[{ op: 'tokenize', level: 'byte' }, { op: 'flip' }], /tokenize is no op of images/],
  [
    [
      { op: 'tensor', dtype: 'float32', shape: [2] },
      { op: 'pad', length: 2 },
      { op: 'window', length: 2 },
    ],
    /window comes too late/,
  ],
  [
    [
      { op: 'tensor', dtype: 'float32', shape: [2] },
      { op: 'window', length: 2 },
      { op: 'window', length: 2 },
    ],
    /a second window/,
  ],
  [[{ op: 'tensor', dtype: 'string', shape: [2] }], /ops\[0\]\.dtype/],
  [[{ op: 'tensor', dtype: 'float32', shape: [-1] }], /ops\[0\]\.shape/],
  [[{ op: 'decode' }, { op: 'random-crop', width: 2, height: 2, padding: -1 }], /padding/],
  [[{ op: 'neighbours', fanouts: [] }], /fanouts/],
  [
    [
      { op: 'neighbours', fanouts: [2] },
      { op: 'pad', length: 2 },
    ],
    /pad is no op of graph/,
  ],
  [
    [
      { op: 'tensor', dtype: 'float32', shape: [2] },
      { op: 'standardize', mean: 0, std: 0 },
    ],
    /std/,
  ],
]
for (const [ops, why] of wrong)
  test(`refuses ${JSON.stringify(ops)}`, () => assert.throws(() => checkPipeline({ ops }), { code: 'invalid-argument', message: why }))
