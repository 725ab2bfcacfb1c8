import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { opDraws } from '../../../src/core/random.ts'
import { decodeGraph, encodeGraph, type Graph } from '../../../src/objects/dataset/graph/format.ts'
import { sampleNeighbours } from '../../../src/objects/dataset/graph/sample-neighbours.ts'

const draws = (node: number, hop: number) => opDraws(5, 0, String(node), hop)
const graphOf = (rows: readonly (readonly number[])[]): Graph => {
  const sorted = rows.map((row) => [...new Set(row)].toSorted((a, b) => a - b))
  let sum = 0
  return {
    nodes: rows.length,
    offsets: Uint32Array.from([0, ...sorted.map((row) => (sum += row.length))]),
    neighbours: Uint32Array.from(sorted.flat()),
    features: { kind: 'dense', width: 2, values: Float32Array.from({ length: rows.length * 2 }, (_, index) => index) },
  }
}
const anyGraph = fc
  .integer({ min: 1, max: 30 })
  .chain((nodes) => fc.array(fc.array(fc.nat(nodes - 1), { maxLength: 12 }), { minLength: nodes, maxLength: nodes }))
  .map(graphOf)
const numbers = (tensor: { readonly data: ArrayLike<unknown> } | undefined) => Array.from(tensor?.data ?? [], Number)

test('each place that counts leads to a neighbour, none twice; all of them where the fanout allows', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyGraph,
      fc.array(fc.nat(29), { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      async (graph, picks, fanouts) => {
        const seeds = picks.map((pick) => pick % graph.nodes)
        const block = await sampleNeighbours(graph, seeds, { fanouts }, draws)
        const nodes = numbers(block['nodes'])
        assert.deepEqual(nodes.slice(0, seeds.length), seeds)
        let targets = seeds.length
        let reached = new Set(seeds.map((_, place) => place))
        fanouts.forEach((fanout, hop) => {
          const [indexes, mask] = [numbers(block[`neighbours${hop}`]), numbers(block[`mask${hop}`])]
          assert.equal(indexes.length, targets * fanout)
          const next = new Set(reached)
          for (let place = 0; place < targets; place++) {
            const slots = Array.from({ length: fanout }, (_, slot) => place * fanout + slot).filter((slot) => mask[slot] === 1)
            const found = slots.map((slot) => nodes[indexes[slot]!]!)
            if (!reached.has(place)) {
              assert.deepEqual(found, [], 'nothing leads from a place that holds nothing')
              continue
            }
            const own = [...graph.neighbours.subarray(graph.offsets[nodes[place]!], graph.offsets[nodes[place]! + 1])]
            assert.equal(found.length, Math.min(fanout, own.length))
            assert.equal(new Set(found).size, found.length)
            assert.ok(found.every((node) => own.includes(node)))
            for (const slot of slots) next.add(indexes[slot]!)
          }
          reached = next
          targets *= 1 + fanout
        })
        assert.equal(nodes.length, targets)
        const features = numbers(block['features'])
        for (const place of reached) assert.deepEqual(features.slice(place * 2, place * 2 + 2), [nodes[place]! * 2, nodes[place]! * 2 + 1])
      },
    ),
    { numRuns: 300 },
  )
})

test('a node has the same neighbours whatever else is in the batch, and others under another seed', async () => {
  const graph = graphOf(Array.from({ length: 50 }, () => Array.from({ length: 50 }, (_, index) => index)))
  const found = async (seeds: readonly number[], seed = 5) => {
    const block = await sampleNeighbours(graph, seeds, { fanouts: [6] }, (node, hop) => opDraws(seed, 0, String(node), hop))
    const nodes = numbers(block['nodes'])
    return numbers(block['neighbours0'])
      .slice(0, 6)
      .map((place) => nodes[place])
  }
  assert.deepEqual(await found([7]), await found([7, 8, 9]))
  assert.notDeepEqual(await found([7]), await found([7], 6))
})

test('every neighbour is as likely', async () => {
  const graph = graphOf([Array.from({ length: 10 }, (_, index) => index)])
  const counts = new Array<number>(10).fill(0)
  for (let seed = 0; seed < 4000; seed++) {
    const block = await sampleNeighbours(
      { ...graph, nodes: 10, offsets: Uint32Array.from([0, ...new Array<number>(10).fill(10)]), features: { kind: 'none', width: 0 } },
      [0],
      { fanouts: [3] },
      (node, hop) => opDraws(seed, 0, String(node), hop),
    )
    const nodes = numbers(block['nodes'])
    for (const place of numbers(block['neighbours0'])) counts[nodes[place]!]!++
  }
  for (const count of counts) assert.ok(Math.abs(count - 1200) < 150, counts.join())
})

test('a graph is read back from its content, and what is damaged is refused', async () => {
  const graph: Graph = {
    ...graphOf([[1, 2], [0], []]),
    features: { kind: 'words', width: 9, offsets: Uint32Array.from([0, 1, 1, 3]), words: Uint32Array.from([8, 0, 3]) },
  }
  const bytes = await encodeGraph(graph)
  assert.deepEqual(await decodeGraph(Uint8Array.from(bytes)), graph)
  for (const damaged of [
    bytes.subarray(0, 20),
    bytes.subarray(0, bytes.length - 4),
    Buffer.from('no graph at all'),
    Uint8Array.from(bytes, (byte, index) => (index > bytes.length - 8 ? 255 : byte)),
  ])
    await assert.rejects(decodeGraph(damaged), { code: 'bad-sample' })
})
