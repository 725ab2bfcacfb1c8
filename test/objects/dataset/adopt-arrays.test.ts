import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHalf } from '../../../src/core/half.ts'
import { pipeline } from '../../../src/objects/pipeline/pipeline.ts'
import { remote } from '../../storage-node/support.ts'
import { adopting } from './adopting.ts'
import { npy } from './npys.ts'

const key = { seed: 1, epoch: 0 }
const bytes = (array: { readonly buffer: ArrayBufferLike }) => Buffer.from(array.buffer as ArrayBuffer)

test('arrays of float16 and uint64 are loaded in their own dtype, or converted', async (t) => {
  const { write, set, link } = await adopting(t)
  const pipe = remote(link, pipeline, 'main')
  const halves = [0.5, 1.25, -3, 65504, 2 ** -24, 2]
  await set('f').adopt(write('f.npy', npy('<f2', '(2, 3)', bytes(Uint16Array.from(halves, toHalf)))), { strict: true })
  const tensor = { op: 'tensor', dtype: 'float16', shape: [3] } as const
  const own = await pipe.run({ ops: [tensor] }, await set('f').list(), key)
  assert.deepEqual([own.dtype, [...own.data].map(Number)], ['float16', halves.map(toHalf)])
  const wide = await pipe.run({ ops: [tensor, { op: 'dtype', dtype: 'float32' }] }, await set('f').list(), key)
  assert.deepEqual([...wide.data], halves)
  const fit = await pipe.fit({ ops: [tensor] }, await set('f').list())
  assert.deepEqual(fit.mean, [(0.5 + 65504) / 2, (1.25 + 2 ** -24) / 2, -0.5])

  const large = [1n, 2n ** 63n, 2n ** 64n - 1n]
  await set('u').adopt(write('u.npy', npy('<u8', '(3, 1)', bytes(BigUint64Array.from(large)))))
  const unsigned = { op: 'tensor', dtype: 'uint64', shape: [1] } as const
  assert.deepEqual([...(await pipe.run({ ops: [unsigned] }, await set('u').list(), key)).data], large)
  await assert.rejects(pipe.run({ ops: [unsigned, { op: 'dtype', dtype: 'int64' }] }, await set('u').list(), key), {
    code: 'bad-sample',
    message: /sample "000000001" holds 9223372036854775808 at 0, which int64 does not hold/,
  })
})

test('labels of every dtype are exact, or refused by their places', async (t) => {
  const { write, set } = await adopting(t)
  const path = write('x.npy', npy('<f4', '(2, 1)', Buffer.alloc(8)))
  const arrays = [
    ['|b1', Uint8Array.of(1, 0), [1, 0]],
    ['<f2', Uint16Array.of(toHalf(1.5), toHalf(-2)), [1.5, -2]],
    ['<f8', Float64Array.of(0.1, 3), [0.1, 3]],
    ['<i8', BigInt64Array.of(-(2n ** 53n), 7n), [-(2 ** 53), 7]],
    ['<u8', BigUint64Array.of(2n ** 63n, 1n), [2 ** 63, 1]],
    ['|i1', Int8Array.of(-1, 1), [-1, 1]],
  ] as const
  for (const [code, data, want] of arrays) {
    const name = `s${code.slice(1)}`
    await set(name).adopt(path, { label: write(`${name}.npy`, npy(code, '(2,)', bytes(data))) })
    assert.deepEqual((await set(name).list()).map(({ label }) => label), want) // prettier-ignore
  }
  for (const [code, data, what] of [
    ['<i8', BigInt64Array.of(0n, 2n ** 53n + 1n), /label 1 is 9007199254740993, and labels beyond 2\^53 lose digits/],
    ['<u8', BigUint64Array.of(2n ** 64n - 1n, 0n), /label 0 is 18446744073709551615/],
    ['<f4', Float32Array.of(0, Number.NaN), /label 1 is NaN/],
    ['<f2', Uint16Array.of(0x7c00, 0), /label 0 is Infinity/],
  ] as const)
    await assert.rejects(set('bad').adopt(path, { label: write('y.npy', npy(code, '(2,)', bytes(data))) }), {
      code: 'bad-sample',
      message: what,
    })
})

test('edges hold ids of nodes, or rows where no id is a number or it is said', async (t) => {
  const { files, write, set } = await adopting(t)
  const graph = { format: 'graph' } as const
  const nodes = (...ids: readonly string[]) => write('nodes.tsv', `id\tx\n${ids.map((id, row) => `${id}\t${row}`).join('\n')}\n`)
  const edges = (...pairs: readonly string[]) => write('edges.tsv', `source\ttarget\n${pairs.join('\n')}\n`)
  const neighboursOf = async (name: string, seed: string) => {
    const { nodes: found, mask0 } = await set(name).sampleNeighbours({ seeds: [seed], fanouts: [3], seed: 1 })
    const ids = [...found!.data].map(Number).slice(1, 1 + [...mask0!.data].filter((each) => each === 1).length)
    return ids.toSorted((a, b) => a - b)
  }
  nodes('30', '10', '20')
  write('large.tsv', 'id\ty\n10\t1e300\n')
  edges('  ', '10\t20', '30\t10')
  const byId = await set('ids').adopt(files, graph)
  assert.deepEqual(await neighboursOf('ids', '10'), [0, 2])
  assert.match(byId.report.notes.join('\n'), /edges are read by the ids of nodes/)
  assert.match(byId.report.notes.join('\n'), /2 edges were read, 2 of them different/)
  assert.deepEqual(byId.report.doubts, ['nodes have no features: name columns with features (numbers stand in x)'])
  await set('strict').adopt(files, { ...graph, features: ['x'], strict: true })
  await assert.rejects(set('large').adopt(files, { ...graph, features: ['y'], columns: { y: 'float64' }, nodes: 'large.tsv' }), {
    code: 'bad-sample',
    message: /large\.tsv:2:4: 1e\+300 is no float32/,
  })
  edges('0\t1')
  await assert.rejects(set('bad').adopt(files, graph), {
    code: 'bad-sample',
    message: /edges\.tsv:2:1: "0" is no node: edges hold ids.*edgesBy: "row"/,
  })
  await set('rows').adopt(files, { ...graph, edgesBy: 'row' })
  assert.deepEqual(await neighboursOf('rows', '30'), [1])

  nodes('a', 'b', 'c')
  edges('0\t1', '1\t1')
  const byRow = await set('texts').adopt(files, graph)
  assert.deepEqual(await neighboursOf('texts', 'a'), [1])
  assert.match(byRow.report.notes.join('\n'), /edges are read by the rows of nodes/)
  assert.deepEqual(byRow.report.skipped, [{ reason: 'self-loop', count: 1, examples: ['3: 1'] }])
  edges('a\tc', 'a\td')
  await assert.rejects(set('bad').adopt(files, graph), {
    code: 'bad-sample',
    message: /edges\.tsv:3:3: "d" is no node: edges hold ids of nodes/,
  })
  write('edges.tsv', 'a\tb\nb\tc\n')
  await assert.rejects(set('bad').adopt(files, graph), { code: 'bad-sample', message: /edges\.tsv:1:1: the first line names two nodes/ })
  write('edges.tsv', 'source\ttarget\tweight\na\tb\t2\n')
  assert.match((await set('weights').adopt(files, graph)).report.doubts.join(), /more columns than two, which are not read: weight/)
})
