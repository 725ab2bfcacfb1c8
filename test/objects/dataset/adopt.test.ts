import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import sharp from 'sharp'
import { bytesOf, Tensor } from '../../../src/core/tensor.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { pipeline } from '../../../src/objects/pipeline/pipeline.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../../storage-node/support.ts'
import { npy } from './npys.ts'
import { end, entry } from './tars.ts'

const prepared = async (t: TestContext) => {
  const base = temporaryFolder(t)
  const [data, files] = [join(base, 'node'), join(base, 'files')]
  mkdirSync(files)
  const write = (name: string, bytes: string | Buffer) => {
    writeFileSync(join(files, name), bytes)
    return join(files, name)
  }
  const node = await startNode(t, { data, adopt: [files] })
  const link = linkTo(t, node.address)
  return { files, data, write, set: (name = 'set') => remote(link, dataset, name), pipe: remote(link, pipeline, 'main') }
}
const floats = (bytes: Uint8Array) => [...new Float32Array(Uint8Array.from(bytes).buffer)]
const key = { seed: 1, epoch: 0 }

test('a tar of images is adopted where it lies: samples are read from it, folders are classes', async (t) => {
  const { write, set, data, pipe } = await prepared(t)
  const image = (red: number) =>
    sharp({ create: { width: 4, height: 4, channels: 3, background: { r: red, g: 0, b: 0 } } })
      .png()
      .toBuffer()
  const images = await Promise.all([10, 20, 30, 40].map(image))
  const names = ['train/dog/1.png', 'train/cat/1.png', 'train/cat/2.png', 'train/ant/1.png']
  const path = write(
    'a.tar',
    Buffer.concat([...names.map((name, index) => entry(name, images[index]!)), entry('README', Buffer.from('no image')), end]),
  )
  const { report, ...result } = await set().adopt(path, { labels: 'class' })
  assert.deepEqual(result, { added: 4, count: 4, bytes: images.reduce((sum, { length }) => sum + length, 0) })
  assert.deepEqual(report, {
    format: 'tar',
    taken: 4,
    labels: 'folders (classes)',
    ids: 'the path of the file',
    skipped: [{ reason: 'no-ending', count: 1, examples: ['README'] }],
    classes: [
      { label: 0, name: 'ant', count: 1 },
      { label: 1, name: 'cat', count: 2 },
      { label: 2, name: 'dog', count: 1 },
    ],
    doubts: [],
    notes: [],
  })
  const listed = await set().list()
  assert.deepEqual(
    listed.map(({ id, label }) => [id, label]),
    [
      ['train/ant/1.png', 0],
      ['train/cat/1.png', 1],
      ['train/cat/2.png', 1],
      ['train/dog/1.png', 2],
    ],
  )
  assert.ok(Buffer.from(await set().read('train/dog/1.png')).equals(images[0]!))
  assert.ok(
    !existsSync(join(data, 'content')) ||
      listed.every(({ content }) => !existsSync(join(data, 'content', content.hash.slice(0, 2), content.hash.slice(2)))),
    'nothing is unpacked',
  )
  const { classes } = await set().describe()
  assert.deepEqual(classes, ['ant', 'cat', 'dog'])
  assert.deepEqual(
    (await set().labels()).map(({ label, name, count, weight }) => [label, name, count, weight]),
    [
      [0, 'ant', 1, 4 / 3],
      [1, 'cat', 2, 2 / 3],
      [2, 'dog', 1, 4 / 3],
    ],
  )
  const batch = await pipe.run({ ops: [{ op: 'decode' }, { op: 'layout', order: 'NHWC' }] }, listed, key)
  assert.deepEqual([batch.shape, batch.data[0], batch.data[3 * 48]], [[4, 4, 4, 3], 40, 10])

  const more = write('b.tar', Buffer.concat([entry('x/bee/1.png', images[0]!), entry('x/cat/9.png', images[1]!), end]))
  await set().adopt(more, { labels: 'class' })
  assert.deepEqual((await set().describe()).classes, ['ant', 'cat', 'dog', 'bee'], 'numbers that were given stay')
  await set('named').adopt(more, { labels: 'folder', include: '*cat*' })
  assert.deepEqual(
    (await set('named').list()).map(({ label }) => label),
    ['cat'],
  )
  await assert.rejects(set('named').adopt(more, { labels: 'class', classes: ['dog', 'cat'], text: 'x' }), {
    code: 'invalid-argument',
    message: /"text" says nothing of format "tar"/,
  })
})

test('the rows of a table are samples: features by column, labels as classes or numbers', async (t) => {
  const { write, set, pipe } = await prepared(t)
  const path = write('a.csv', 'name,x,y,kind\nb,1,2.5,"odd, one"\na,3,4,even\n')
  await set().adopt(path, { id: 'name', label: 'kind' })
  assert.deepEqual(
    (await set().list()).map(({ id, label }) => [id, label]),
    [
      ['a', 0],
      ['b', 1],
    ],
  )
  const described = await set().describe()
  assert.deepEqual([described.classes, described.layout], [['even', 'odd, one'], { dtype: 'float32', shape: [2], columns: ['x', 'y'] }])
  assert.deepEqual(floats(await set().read('b')), [1, 2.5])
  const ops = [{ op: 'tensor', dtype: 'float32', shape: [2] }] as const
  const fit = await pipe.fit({ ops }, await set().list())
  assert.deepEqual(fit, { count: 2, mean: [2, 3.25], std: [1, 0.75] })
  const made = await pipe.run({ ops: [...ops, { op: 'standardize', mean: fit.mean, std: fit.std }] }, await set().list(), key)
  assert.deepEqual([...made.data], [1, 1, -1, -1])
  await set('whole').adopt(path, { features: ['x'], label: 'y', fill: 0 })
  assert.deepEqual(
    (await set('whole').list()).map(({ id, label }) => [id, label]),
    [
      ['000000000', 2.5],
      ['000000001', 4],
    ],
  )
  assert.deepEqual((await set('whole').describe()).layout?.dtype, 'int64')
  await assert.rejects(set().adopt(path, { id: 'name', features: ['x'] }), { code: 'invalid-argument', message: /a data set of its own/ })
  await assert.rejects(set('twice').adopt(write('b.csv', 'id,x\n1,1\n1,2\n'), { id: 'id' }), {
    code: 'bad-sample',
    message: /b\.csv:3:1: id "1"/,
  })
})

test('rows grouped by a column are time series, and windows of them have labels by the rule', async (t) => {
  const { write, set, pipe } = await prepared(t)
  const rows = Array.from({ length: 7 }, (_, step) => `a,${step},${step === 3 ? 1 : 0}\nb,${step * 10},${step === 6 ? 1 : 0}\n`)
  await set().adopt(write('a.csv', `mote,x,label\n${rows.join('')}`), {
    group: 'mote',
    label: 'label',
    features: ['x'],
    columns: { x: 'float32' },
  })
  assert.deepEqual((await set().describe()).layout, { dtype: 'float32', shape: [1], columns: ['x'], series: true })
  const windows = async (label: 'any' | 'last' | 'next') =>
    (await set().list({ window: { length: 3, stride: 2, label } })).map((each) => [each.id, each.label])
  const ids = (series: string, starts: readonly number[]) => starts.map((start) => `${series}@00000000${start}`)
  const of = (a: readonly number[], b: readonly number[], starts: readonly number[]) => [
    ...ids('a', starts).map((id, index) => [id, a[index]]),
    ...ids('b', starts).map((id, index) => [id, b[index]]),
  ]
  assert.deepEqual(await windows('any'), of([0, 1, 0], [0, 0, 1], [0, 2, 4]))
  assert.deepEqual(await windows('last'), of([0, 0, 0], [0, 0, 1], [0, 2, 4]))
  assert.deepEqual(await windows('next'), of([1, 0], [0, 0], [0, 2]))
  const paged = []
  for (let after: string | undefined; ;) {
    const page = await set().list({ window: { length: 3, stride: 2 }, limit: 2, ...(after !== undefined && { after }) })
    if (page.length === 0) break
    paged.push(...page.map(({ id }) => id))
    after = page.at(-1)!.id
  }
  assert.deepEqual(paged, [...ids('a', [0, 2, 4]), ...ids('b', [0, 2, 4])])
  const ops = [
    { op: 'tensor', dtype: 'float32', shape: [1] },
    { op: 'window', length: 3, stride: 2 },
  ] as const
  const batch = await pipe.run({ ops }, (await set().list({ window: { length: 3, stride: 2 } })).slice(2, 4), key)
  assert.deepEqual(
    [batch.shape, [...batch.data]],
    [
      [2, 3, 1],
      [4, 5, 6, 0, 10, 20],
    ],
  )
  await assert.rejects(pipe.run({ ops }, await set().list(), key), { code: 'bad-sample', message: /7 steps, a window 3/ })
  const series = { ops: [{ op: 'tensor', dtype: 'float32', shape: [1], series: true }] } as const
  assert.deepEqual((await pipe.fit(series, await set().list())).mean, [16.5])
})

test('texts become words of a vocabulary that is made from the part to train on', async (t) => {
  const { write, set, pipe } = await prepared(t)
  await set().adopt(write('mail.csv', 'text,kind\n"Buy now, buy",spam\n"See you, now",ham\nund größer,ham\n'), {
    text: 'text',
    label: 'kind',
  })
  const vocabulary = await set().buildVocabulary({ size: 3 })
  assert.deepEqual([vocabulary.size, (await set().describe()).vocabulary?.content.hash], [3, vocabulary.content.hash])
  const ops = [
    { op: 'tokenize', level: 'word', vocabulary: vocabulary.content },
    { op: 'pad', length: 5, output: 'lengths' },
  ] as const
  const { tokens, lengths } = await pipe.runNamed({ ops }, await set().list(), key)
  assert.ok(tokens !== undefined && lengths !== undefined)
  // Most frequent, then by the letters: "," and "now" stand in two texts, "buy" in one.
  assert.deepEqual([...tokens.data].map(Number), [4, 3, 2, 4, 0, 1, 1, 2, 3, 0, 1, 1, 0, 0, 0])
  assert.deepEqual([...lengths.data].map(Number), [4, 4, 2])
  await assert.rejects(pipe.run({ ops }, await set().list(), key), { code: 'invalid-argument', message: /tokens, lengths.*runNamed/ })
})

test('an array is adopted along its first axis, with labels from an array beside it, and may be images', async (t) => {
  const { write, set, pipe, files } = await prepared(t)
  const pixels = Buffer.from(Array.from({ length: 3 * 2 * 2 * 3 }, (_, index) => index))
  const path = write('x.npy', npy('|u1', '(3, 2, 2, 3)', pixels))
  const label = write('y.npy', npy('<i8', '(3,)', Buffer.from(BigInt64Array.from([2n, 0n, 1n]).buffer)))
  await set().adopt(path, { label })
  const listed = await set().list()
  assert.deepEqual(
    listed.map((each) => each.label),
    [2, 0, 1],
  )
  assert.deepEqual([...(await set().read('000000001'))], [...pixels.subarray(12, 24)])
  const tensor = { op: 'tensor', dtype: 'uint8', shape: [2, 2, 3] } as const
  assert.deepEqual([...bytesOf(await pipe.run({ ops: [tensor] }, listed, key))], [...pixels])
  const flipped = await pipe.run(
    { ops: [tensor, { op: 'flip', probability: 1 }, { op: 'layout', order: 'NHWC' }] },
    listed.slice(0, 1),
    key,
  )
  assert.deepEqual([...flipped.data], [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8])
  await assert.rejects(set('other').adopt(path, { label: write('z.npy', npy('<i8', '(2,)', Buffer.alloc(16))) }), {
    code: 'invalid-argument',
    message: /2 labels for the 3 samples/,
  })
  await assert.rejects(set('other').adopt(path, { label: '/etc/hostname' }), { code: 'permission-denied' })
  await assert.rejects(set('other').adopt(files, { format: 'npy' }), { code: 'invalid-argument', message: /is a folder/ })
  await assert.rejects(set('other').describe(), { code: 'not-found' })
})

test('a split by seed parts the ids for good, and series with all their windows', async (t) => {
  const { write, set } = await prepared(t)
  await set().adopt(write('a.csv', `x\n${'1\n'.repeat(400)}`))
  const part = async (name: 'train' | 'test', seed: number) =>
    (await set().list({ split: { part: name, test: 0.25, seed } })).map(({ id }) => id)
  const [train, held] = [await part('train', 3), await part('test', 3)]
  assert.deepEqual(
    [...train, ...held].toSorted(),
    (await set().list()).map(({ id }) => id),
  )
  assert.ok(held.length > 70 && held.length < 130, `${held.length} of 400`)
  assert.notDeepEqual(await part('test', 4), held)
  await set('s').adopt(write('s.csv', `g,x\n${Array.from({ length: 200 }, (_, row) => `${row % 20},${row}`).join('\n')}`), {
    group: 'g',
    columns: { g: 'string' },
  })
  const series = async (name: 'train' | 'test') =>
    new Set((await set('s').list({ split: { part: name, test: 0.5 }, window: { length: 4 } })).map(({ id }) => id.split('@')[0]))
  const [one, other] = [await series('train'), await series('test')]
  assert.equal(one.size + other.size, 20)
  assert.ok([...one].every((id) => !other.has(id)))
})

test('nodes and edges in two tables are a graph, whose mistakes are named by their places', async (t) => {
  const { files, write, set, pipe } = await prepared(t)
  write('nodes.tsv', 'name\tkind\twords\na\tx\t0 2\nb\ty\t1\nc\tx\t\nd\ty\t2\n')
  write('edges.tsv', 'source\ttarget\n0\t1\n1\t0\n0\t2\n3\t3\n')
  const options = { format: 'graph', label: 'kind', words: 'words' } as const
  await set().adopt(files, options)
  const described = await set().describe()
  assert.deepEqual([described.count, described.classes, described.layout], [4, ['x', 'y'], { dtype: 'graph', shape: [3] }])
  const block = await set().sampleNeighbours({ seeds: ['a', 'd'], fanouts: [2], seed: 1 })
  assert.deepEqual(
    Object.entries(block).map(([name, tensor]) => [name, tensor.shape, [...tensor.data].map(Number)]),
    [
      ['nodes', [6], [0, 3, 1, 2, 0, 0]],
      ['neighbours0', [2, 2], [2, 3, 0, 0]],
      ['mask0', [2, 2], [1, 1, 0, 0]],
      ['features', [6, 3], [1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ],
  )
  const listed = (await set().list()).filter(({ id }) => id === 'a' || id === 'd')
  const batch = await pipe.runNamed({ ops: [{ op: 'neighbours', fanouts: [2] }] }, listed, { seed: 1, epoch: 0 })
  assert.deepEqual(
    Object.entries(batch).map(([name, tensor]) => [name, Buffer.from(bytesOf(tensor))]),
    Object.entries(block).map(([name, tensor]) => [name, Buffer.from(bytesOf(tensor))]),
    'the op gives what the method gives',
  )
  write('edges.tsv', 'source\ttarget\n0\t1\n1\t4\n')
  await assert.rejects(set('bad').adopt(files, options), {
    code: 'bad-sample',
    message: /edges\.tsv:3:3: "4" is no node: edges hold rows of nodes, from 0 to 3/,
  })
  write('nodes.tsv', 'name\tkind\twords\na\tx\t0 -2\n')
  await assert.rejects(set('bad').adopt(files, options), { code: 'bad-sample', message: /nodes\.tsv:2:5: "-2" is no index of a word/ })
})

const real = process.env['AS_DATA'] ?? ''
const have = (path: string, t: TestContext) => {
  if (real !== '' && existsSync(join(real, path))) return true
  t.skip(`${path} is absent: set AS_DATA to the folder of the real data`)
  return false
}
test('CIFAR-10 (JPEG): the test tar, whole', async (t) => {
  if (!have('cifar-10/test.tar', t)) return
  const node = await startNode(t, { adopt: [real] })
  const set = remote(linkTo(t, node.address), dataset, 'cifar')
  assert.equal((await set.adopt(join(real, 'cifar-10/test.tar'), { labels: 'class' })).count, 10_000)
  assert.deepEqual(
    (await set.labels()).map(({ name, count }) => `${name} ${count}`),
    ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'].map((name) => `${name} 1000`),
  )
  const tar = readFileSync(join(real, 'cifar-10/test.tar'))
  assert.ok(tar.includes(Buffer.from(await set.read('test/truck/0999.jpg'))))
})
test('sensor motes: four series, their readings and anomalies', async (t) => {
  if (!have('sensor-motes/single-hop.csv', t)) return
  const node = await startNode(t, { adopt: [real] })
  const set = remote(linkTo(t, node.address), dataset, 'motes')
  await set.adopt(join(real, 'sensor-motes/single-hop.csv'), { group: 'mote_id', label: 'label', features: ['humidity', 'temperature'] })
  const counts = await set.labels({ window: { length: 1 } })
  assert.deepEqual(
    counts.map(({ label, count }) => [label, count]),
    [
      [0, 18_914 - 149],
      [1, 149],
    ],
  )
})
test('package graph: nodes, classes and edges as its description has them', async (t) => {
  if (!have('package-graph/nodes.tsv', t)) return
  const node = await startNode(t, { adopt: [real] })
  const set = remote(linkTo(t, node.address), dataset, 'packages')
  assert.equal((await set.adopt(join(real, 'package-graph'), { format: 'graph', label: 'section', words: 'words' })).count, 63_666)
  const described = await set.describe()
  assert.deepEqual([described.classes?.length, described.layout?.shape], [58, [2168]])
  assert.ok(described.bytes > 274_753 * 8 && described.bytes < statSync(join(real, 'package-graph/edges.tsv')).size * 4)
  const block = await set.sampleNeighbours({ seeds: ['bash', '0ad'], fanouts: [10, 5], seed: 1, features: 'indexes' })
  assert.ok(block['nodes'] instanceof Tensor)
  assert.deepEqual(block['nodes'].shape, [132])
})
