import { failure } from '../../../core/errors.ts'
import type { Draws } from '../../../core/random.ts'
import { nextSlice, sliceIsOver } from '../../../core/slices.ts'
import { Tensor } from '../../../core/tensor.ts'
import type { Graph } from './format.ts'

/** How the features of the nodes are given: `values` (float32 rows), `multi-hot` rows of words, or the words' `indexes` with a mask. */
export const featureForms = ['values', 'multi-hot', 'indexes', 'none'] as const
export type FeatureForm = (typeof featureForms)[number]

export interface NeighbourOptions {
  /** Neighbours of each node at the most, hop by hop from the seeds. */
  readonly fanouts: readonly number[]
  /** Default `values` for dense features, `multi-hot` for words. */
  readonly features?: FeatureForm
  /** Words of a node at the most, with `indexes`; the others are left out. Default 32. */
  readonly maxWords?: number
}

const MOST_VALUES = 2 ** 29

/** Without replacement, each choice as likely (Floyd): the picks in order. */
const picked = (degree: number, count: number, draws: Draws): readonly number[] => {
  if (degree <= count) return Array.from({ length: degree }, (_, index) => index)
  const chosen = new Set<number>()
  for (let last = degree - count; last < degree; last++) {
    const other = draws.below(last + 1)
    chosen.add(chosen.has(other) ? last : other)
  }
  return [...chosen].sort((a, b) => a - b)
}

const tooLarge = (what: string) => failure('too-large', `${what}: take fewer seeds in a batch, or smaller fanouts`)

/**
 * The surroundings of some nodes, in tensors whose shapes follow from the number of seeds and the fanouts alone.
 *
 * `nodes` int64 [N]: the seeds, then room for the new nodes of each hop; what is left over is node 0, and nothing leads there.
 * For hop k, over the T nodes that the hops before it found: `neighbours<k>` int64 [T, fanout], places in `nodes`, and
 * `mask<k>` float32 [T, fanout], 1 where there is a neighbour. `features` float32 [N, width]; or `words` int64 [N, most] and
 * `wordMask` float32 [N, most].
 * @param draws of a node in a hop: the same neighbours whatever else is in the batch
 * @param reserve called before they are allocated; may refuse
 */
export const sampleNeighbours = async (
  graph: Graph,
  seeds: readonly number[],
  options: NeighbourOptions,
  draws: (node: number, hop: number) => Draws,
  reserve: (bytes: number) => void = () => undefined,
): Promise<Record<string, Tensor>> => {
  const { fanouts } = options
  const stray = seeds.find((seed) => !(Number.isSafeInteger(seed) && seed >= 0 && seed < graph.nodes))
  if (stray !== undefined) throw failure('invalid-argument', `seed ${stray} is no node of the graph, which has ${graph.nodes}`)
  // Room in `nodes` before each hop, and after the last.
  const room = [seeds.length]
  for (const fanout of fanouts) room.push(room.at(-1)! * (1 + fanout))
  const total = room.at(-1)!
  if (total > MOST_VALUES) throw tooLarge(`${seeds.length} seeds with fanouts ${fanouts.join(', ')} lead to ${total} nodes`)

  // A place in `nodes`, and one in the tensors of its hop; then its features.
  reserve(total * (9 + 12))
  const nodes = new BigInt64Array(total)
  const present = new Uint8Array(total)
  const found = new Map<number, number>()
  seeds.forEach((seed, place) => {
    nodes[place] = BigInt(seed)
    present[place] = 1
    if (!found.has(seed)) found.set(seed, place)
  })
  const tensors: Record<string, Tensor> = {}
  for (const [hop, fanout] of fanouts.entries()) {
    const targets = room[hop]!
    let free = targets
    const indexes = new BigInt64Array(targets * fanout)
    const mask = new Float32Array(targets * fanout)
    for (let place = 0; place < targets; place++) {
      if (present[place] === 0) continue
      if (sliceIsOver()) await nextSlice()
      const node = Number(nodes[place])
      const from = graph.offsets[node]!
      picked(graph.offsets[node + 1]! - from, fanout, draws(node, hop)).forEach((pick, slot) => {
        const neighbour = graph.neighbours[from + pick]!
        let at = found.get(neighbour)
        if (at === undefined) {
          at = free++
          nodes[at] = BigInt(neighbour)
          present[at] = 1
          found.set(neighbour, at)
        }
        indexes[place * fanout + slot] = BigInt(at)
        mask[place * fanout + slot] = 1
      })
    }
    tensors[`neighbours${hop}`] = new Tensor('int64', indexes, [targets, fanout])
    tensors[`mask${hop}`] = new Tensor('float32', mask, [targets, fanout])
  }
  return { nodes: new Tensor('int64', nodes, [total]), ...tensors, ...(await featuresOf(graph, nodes, present, options, reserve)) }
}

const featuresOf = async (
  { features }: Graph,
  nodes: BigInt64Array,
  present: Uint8Array,
  options: NeighbourOptions,
  reserve: (bytes: number) => void,
): Promise<Record<string, Tensor>> => {
  const natural: FeatureForm = features.kind === 'dense' ? 'values' : features.kind === 'words' ? 'multi-hot' : 'none'
  const form = options.features ?? natural
  if (form === 'none') return {}
  if ((form === 'values') !== (features.kind === 'dense') || features.kind === 'none')
    throw failure(
      'invalid-argument',
      `features "${form}" of nodes that have ${features.kind === 'none' ? 'none' : features.kind === 'dense' ? 'numbers' : 'words'}: use "${natural}"`,
    )
  const { maxWords = 32 } = options
  const width = form === 'indexes' ? maxWords : features.width
  if (nodes.length * width > MOST_VALUES) throw tooLarge(`features of ${nodes.length} nodes with ${width} values each`)
  reserve(nodes.length * width * (form === 'indexes' ? 12 : 4))
  const rows = new Float32Array(nodes.length * width)
  if (features.kind === 'dense') {
    for (let place = 0; place < nodes.length; place++) {
      if (sliceIsOver()) await nextSlice()
      const node = Number(nodes[place])
      if (present[place] === 1) rows.set(features.values.subarray(node * width, (node + 1) * width), place * width)
    }
    return { features: new Tensor('float32', rows, [nodes.length, width]) }
  }
  const words = new BigInt64Array(form === 'indexes' ? nodes.length * width : 0)
  for (let place = 0; place < nodes.length; place++) {
    if (present[place] === 0) continue
    if (sliceIsOver()) await nextSlice()
    const node = Number(nodes[place])
    const own = features.words.subarray(features.offsets[node], features.offsets[node + 1])
    own.forEach((word, index) => {
      if (form === 'multi-hot') rows[place * width + word] = 1
      else if (index < width) {
        words[place * width + index] = BigInt(word)
        rows[place * width + index] = 1
      }
    })
  }
  if (form === 'multi-hot') return { features: new Tensor('float32', rows, [nodes.length, width]) }
  return { words: new Tensor('int64', words, [nodes.length, width]), wordMask: new Tensor('float32', rows, [nodes.length, width]) }
}
