import { join } from 'node:path'
import { failure } from '../../../core/errors.ts'
import type { Content } from '../../../core/self.ts'
import { type Adopted } from '../adopt-table.ts'
import { createClasses } from '../classes.ts'
import { openTable, type TableOptions } from '../columns.ts'
import { MOST_SAMPLES, type Row } from '../sample.ts'
import { encodeGraph, type Features } from './format.ts'

/** A graph in two tables of a folder. A node's number is that of its row, from 0. */
export interface GraphAdoption extends TableOptions {
  /** Default `nodes.tsv` and `edges.tsv`. The first two columns of the edges are numbers of nodes. */
  readonly nodes?: string
  readonly edges?: string
  /** Default tab. */
  readonly delimiter?: string
  /** The nodes' column of ids. Default the first. */
  readonly id?: string
  readonly label?: string
  /** Numeric columns that are a node's features. */
  readonly features?: readonly string[]
  /** Or the column of a node's words: whole numbers, with spaces between them. */
  readonly words?: string
  /** How many words there are. Default: one more than the largest. */
  readonly width?: number
  /** Whether an edge leads one way only, from target to source as messages do. Default false. */
  readonly directed?: boolean
}

const MOST_EDGES = 100_000_000
const MOST_WIDTH = 1_000_000

/** Whole numbers that come one by one. */
const growing = () => {
  let array = new Uint32Array(1024)
  let length = 0
  return {
    push(value: number) {
      if (length === array.length) {
        const larger = new Uint32Array(length * 2)
        larger.set(array)
        array = larger
      }
      array[length++] = value
    },
    values: () => array.subarray(0, length),
    get length() {
      return length
    },
  }
}

/** Rows of neighbours from pairs: counted, filled, sorted, each neighbour once. */
const rowsOf = (nodes: number, from: Uint32Array, to: Uint32Array): { offsets: Uint32Array; neighbours: Uint32Array } => {
  const starts = new Uint32Array(nodes + 1)
  for (const node of from) starts[node + 1]!++
  for (let node = 0; node < nodes; node++) starts[node + 1]! += starts[node]!
  const next = starts.slice()
  const all = new Uint32Array(to.length)
  for (let edge = 0; edge < from.length; edge++) all[next[from[edge]!]!++] = to[edge]!
  const offsets = new Uint32Array(nodes + 1)
  let kept = 0
  for (let node = 0; node < nodes; node++) {
    let last = -1
    // Each row moves towards the front, so it is never written over before it is read.
    for (const neighbour of all.slice(starts[node], starts[node + 1]).sort()) {
      if (neighbour !== last) all[kept++] = neighbour
      last = neighbour
    }
    offsets[node + 1] = kept
  }
  return { offsets, neighbours: all.slice(0, kept) }
}

/** Reads nodes and edges, and keeps them as one piece of content that can be sampled from. */
export const adoptGraph = async (
  folder: string,
  options: GraphAdoption,
  known: readonly string[],
  put: Content['put'],
  signal: AbortSignal,
): Promise<Adopted> => {
  const { delimiter = '\t', label, features, words, id, directed = false } = options
  if (features !== undefined && words !== undefined) throw failure('invalid-argument', 'a node has features or words, not both')
  const formatOf = (file: string) => ({ path: join(folder, file), delimiter, quotes: delimiter !== '\t' })
  const texts = [id, label, words].flatMap((name) => (name === undefined ? [] : [[name, 'string'] as const]))
  const table = await openTable(
    formatOf(options.nodes ?? 'nodes.tsv'),
    { ...options, columns: { ...Object.fromEntries(texts), ...options.columns } },
    label,
    signal,
  )
  if (table.count > MOST_SAMPLES) throw failure('too-large', `a graph of ${table.count} nodes; the most is ${MOST_SAMPLES}`)
  const idColumn = id === undefined ? 0 : table.columnOf(id, 'id')
  const labelColumn = label === undefined ? undefined : table.columnOf(label, 'label')
  const wordColumn = words === undefined ? undefined : table.columnOf(words, 'words')
  const columns = (features ?? []).map((name) => table.columnOf(name, 'features'))
  const named = labelColumn !== undefined && table.dtypes[labelColumn] === 'string'
  const classes = createClasses(known, named ? table.classesOf(labelColumn) : [])

  const nodes: { id: string; label?: number }[] = []
  const ids = new Set<string>()
  const starts = growing()
  const held = growing()
  const dense = new Float32Array(table.count * columns.length)
  starts.push(0)
  for await (const record of table.records(signal)) {
    const name = record.fields[idColumn] ?? ''
    if (name === '' || name.includes('\0') || ids.has(name))
      throw table.refuse(record, idColumn, `id "${name.slice(0, 80)}" is empty or stands for another node too: ids are unique`)
    ids.add(name)
    columns.forEach((column, index) => (dense[nodes.length * columns.length + index] = table.numberAt(record, column)))
    if (wordColumn !== undefined) {
      const own = new Set(
        (record.fields[wordColumn] ?? '')
          .split(' ')
          .filter((word) => word !== '')
          .map(Number),
      )
      for (const word of own) {
        if (!Number.isSafeInteger(word) || word < 0 || word >= (options.width ?? MOST_WIDTH))
          throw table.refuse(
            record,
            wordColumn,
            `"${word}" is no index of a word below ${options.width ?? MOST_WIDTH}: use whole numbers with spaces between them`,
          )
        held.push(word)
      }
      starts.push(held.length)
    }
    nodes.push({
      id: name,
      ...(labelColumn !== undefined && {
        label: named ? classes.numberOf(record.fields[labelColumn] ?? '') : table.numberAt(record, labelColumn),
      }),
    })
  }

  const [from, to] = [growing(), growing()]
  const edges = await openTable(formatOf(options.edges ?? 'edges.tsv'), {}, undefined, signal)
  for await (const record of edges.records(signal)) {
    const [source = -1, target = -1] = [0, 1].map((column) => {
      const node = Number(record.fields[column])
      if (!/^\d+$/.test(record.fields[column] ?? '') || node >= nodes.length)
        throw edges.refuse(
          record,
          column,
          `"${(record.fields[column] ?? '').slice(0, 40)}" is no node: they are numbered from 0 to ${nodes.length - 1}`,
        )
      return node
    })
    // A node is no neighbour of its own: networks that want that add it.
    if (source === target) continue
    if (from.length >= MOST_EDGES) throw failure('too-large', `a graph of more than ${MOST_EDGES} edges: leave some out`)
    from.push(source)
    to.push(target)
    if (directed) continue
    from.push(target)
    to.push(source)
  }
  const graphFeatures = (): Features => {
    if (columns.length > 0) return { kind: 'dense', width: columns.length, values: dense }
    if (wordColumn === undefined) return { kind: 'none', width: 0 }
    const width = options.width ?? held.values().reduce((most, word) => Math.max(most, word + 1), 0)
    return { kind: 'words', width, offsets: starts.values(), words: held.values() }
  }
  const made = graphFeatures()
  const content = await put(encodeGraph({ nodes: nodes.length, ...rowsOf(nodes.length, from.values(), to.values()), features: made }))
  return {
    rows: nodes.map(({ id: name, label: value }, row): readonly [string, Row] => [
      name,
      { content, row, ...(value !== undefined && { label: value }) },
    ]),
    layout: { dtype: 'graph', shape: [made.width] },
    classes: classes.names,
  }
}
