// The same models on data that is made here: what they learn is checked where the real data is not at hand.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { graphSage } from '../../../examples/training/models/graph-network.ts'
import { sequenceClassifier } from '../../../examples/training/models/recurrent.ts'
import { resNet } from '../../../examples/training/models/resnet.ts'
import { transformer } from '../../../examples/training/models/transformer.ts'
import { opDraws } from '../../../src/core/random.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { remote, temporaryFolder } from '../../storage-node/support.ts'
import { learns, type Short } from './learning.ts'

const spec = (learningRate: number, steps: number): Short['spec'] => ({
  loss: { kind: 'cross-entropy' },
  optimizer: { kind: 'adam' },
  learningRate,
  schedule: { kind: 'one-cycle', steps },
  clipNorm: 5,
})
const apart = { split: { part: 'train', test: 0.25 }, validate: { split: { part: 'test', test: 0.25 } } } as const
const drawn = <T>(count: number, make: (draws: ReturnType<typeof opDraws>, i: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(opDraws(7, 0, `made ${i}`, 0), i))
const idOf = (i: number) => `s${String(i).padStart(5, '0')}`

test('a ResNet learns the direction of stripes under noise', async (t) => {
  const side = 12
  const pictures = drawn(480, (draws, i) => {
    const [label, phase] = [i % 4, draws.below(4)]
    const bright = (x: number, y: number) => (([x, y, x + y, x - y + 48][label] ?? 0) + phase) % 4 < 2
    const at = (n: number) => bright(Math.floor(n / 3) % side, Math.floor(n / 3 / side))
    return { id: idOf(i), label, bytes: Uint8Array.from({ length: side * side * 3 }, (_, n) => draws.below(180) + (at(n) ? 75 : 0)) }
  })
  await learns(t, {
    put: (link) => remote(link, dataset, 'stripes').put(pictures),
    model: resNet({ depth: 8, widths: [8, 8, 16], size: side, classes: 4 }),
    spec: spec(0.01, 48),
    fit: {
      dataset: 'stripes',
      pipeline: [
        { op: 'tensor', dtype: 'uint8', shape: [side, side, 3] },
        { op: 'normalize', mean: 0.5, std: 0.25 },
        { op: 'layout', order: 'NCHW' },
      ],
      batchSize: 32,
      epochs: 4,
      ...apart,
    },
    least: 0.9, // 0.25 by chance
  })
})

test('an LSTM learns to tell a burst from steps that are as high one by one', async (t) => {
  const length = 20
  const series = drawn(600, (draws, i) => {
    const from = draws.below(length - 5)
    // Five high steps: in a row, or anywhere.
    const high = new Set(Array.from({ length: 5 }, (_, n) => (i % 2 === 1 ? from + n : (from + 4 * n) % length)))
    const values = Float32Array.from({ length }, (_, n) => (high.has(n) ? 1 : 0) + (draws.uniform() - 0.5) * 0.6)
    return { id: idOf(i), label: i % 2, bytes: new Uint8Array(values.buffer) }
  })
  await learns(t, {
    put: (link) => remote(link, dataset, 'bursts').put(series),
    model: sequenceClassifier({ cell: 'LSTM', features: 1, hidden: 16, classes: 2 }),
    spec: spec(0.02, 150),
    fit: { dataset: 'bursts', pipeline: [{ op: 'tensor', dtype: 'float32', shape: [length, 1] }], batchSize: 32, epochs: 10, ...apart },
    least: 0.9, // 0.5 by chance
  })
})

test('GraphSAGE learns a class that the neighbours of a node tell, and it does not', async (t) => {
  const [nodes, classes, folder] = [800, 4, temporaryFolder(t)]
  // Of ten neighbours eight are of one community; a node's own word tells its community four times in ten.
  const lines = drawn(nodes, (draws, i) => {
    const word = draws.uniform() < 0.4 ? i % classes : draws.below(classes)
    const friends = Array.from({ length: 5 }, () =>
      draws.uniform() < 0.8 ? draws.below(nodes / classes) * classes + (i % classes) : draws.below(nodes),
    )
    return {
      node: `${idOf(i)}\tc${i % classes}\t${word}`,
      edges: friends.filter((friend) => friend !== i).map((friend) => `${i}\t${friend}`),
    }
  })
  mkdirSync(join(folder, 'graph'))
  writeFileSync(join(folder, 'graph', 'nodes.tsv'), ['name\tclass\twords', ...lines.map(({ node }) => node), ''].join('\n'))
  writeFileSync(join(folder, 'graph', 'edges.tsv'), ['source\ttarget', ...lines.flatMap(({ edges }) => edges), ''].join('\n'))
  await learns(t, {
    adopt: [folder],
    put: (link) => remote(link, dataset, 'graph').adopt(join(folder, 'graph'), { format: 'graph', id: 'name', label: 'class', words: 'words', width: classes }), // prettier-ignore
    model: graphSage({ features: classes, projection: 8, hidden: 16, classes, fanouts: [6, 4] }),
    spec: spec(0.02, 80),
    fit: { dataset: 'graph', pipeline: [{ op: 'neighbours', fanouts: [6, 4] }], batchSize: 32, epochs: 4, ...apart },
    least: 0.7, // 0.55 by a node's own word alone
  })
})

test('a transformer learns which of two words comes first', async (t) => {
  const words = Array.from({ length: 20 }, (_, i) => `w${i}`)
  const texts = drawn(800, (draws, i) => {
    const text = Array.from({ length: 12 }, () => words[2 + draws.below(18)] ?? '')
    const [before, after] = [draws.below(6), 6 + draws.below(6)]
    text[i % 2 === 0 ? before : after] = 'w0'
    text[i % 2 === 0 ? after : before] = 'w1'
    return { id: idOf(i), label: i % 2, bytes: Buffer.from(text.join(' ')) }
  })
  await learns(t, {
    put: (link) => remote(link, dataset, 'texts').put(texts),
    model: transformer({ vocabulary: 22, classes: 2, steps: 12, width: 16, heads: 2, layers: 1 }),
    spec: spec(0.01, 190),
    fit: {
      dataset: 'texts',
      pipeline: [
        { op: 'tokenize', level: 'word', vocabulary: words },
        { op: 'pad', length: 12 },
      ],
      batchSize: 32,
      epochs: 10,
      ...apart,
    },
    least: 0.9, // 0.5 by chance
  })
})
