import { failure } from '../../../core/errors.ts'
import { nextSlice, rangeSliced, sliceIsOver } from '../../../core/slices.ts'
import { type CsvFormat, type CsvRecord, csvRecords } from '../csv.ts'
import type { ReportBuilder } from '../report.ts'
import type { EdgeRule } from './graph-options.ts'
import { growing } from './growing.ts'

const MOST_EDGES = 100_000_000
const WHOLE = /^\d{1,10}$/

/** Neighbours of each node: those of node n from `offsets[n]` up to `offsets[n + 1]`. */
export interface Neighbours {
  readonly offsets: Uint32Array
  readonly neighbours: Uint32Array
}

interface EdgeOptions {
  readonly by: EdgeRule | undefined
  readonly directed: boolean
}

/** The number of the node that a cell names; undefined where it names none. */
const finder =
  (rule: EdgeRule, nodes: ReadonlyMap<string, number>) =>
  (text: string): number | undefined => {
    if (rule === 'id') return nodes.get(text) ?? nodes.get(text.trim())
    const row = WHOLE.test(text.trim()) ? Number(text) : -1
    return row >= 0 && row < nodes.size ? row : undefined
  }

/** The rule that fits an edge: whole numbers can be rows only where no node has such an id. */
const ruleOf = (first: CsvRecord, nodes: ReadonlyMap<string, number>): EdgeRule => {
  const ends = first.fields.slice(0, 2).map((text) => text.trim())
  if (ends.some((text) => nodes.has(text)) || !ends.every((text) => WHOLE.test(text))) return 'id'
  for (const id of nodes.keys()) if (WHOLE.test(id)) return 'id'
  return 'row'
}

/**
 * Reads the edges of a graph.
 * @param nodes the number of each node, by its id
 * @throws `bad-sample` naming file:line:column for a node that is not there
 */
export const readEdges = async (
  format: CsvFormat,
  nodes: ReadonlyMap<string, number>,
  { by, directed }: EdgeOptions,
  report: ReportBuilder,
  signal: AbortSignal,
): Promise<Neighbours> => {
  const { path } = format
  const [from, to] = [growing(), growing()]
  let header: CsvRecord | undefined
  let begun = false
  let rule = by
  let find = finder('id', nodes)
  const refuse = (record: CsvRecord, column: number, what: string) =>
    failure('bad-sample', `${path}:${record.line}:${record.columnOf(column)}: ${what}`)
  const nodeAt = (record: CsvRecord, column: number): number => {
    const text = record.fields[column] ?? ''
    const node = find(text)
    if (node !== undefined) return node
    const other = rule === 'id' ? 'row' : 'id'
    const wanted = rule === 'id' ? 'ids of nodes' : `rows of nodes, from 0 to ${nodes.size - 1}`
    const hint =
      finder(other, nodes)(text) === undefined ? '' : `, or read them by ${other === 'id' ? 'ids' : 'rows'} with edgesBy: "${other}"`
    throw refuse(record, column, `${JSON.stringify(text.slice(0, 40))} is no node: edges hold ${wanted}: correct it${hint}`)
  }
  /** @throws where the line that was taken for the header is an edge */
  const begin = (head: CsvRecord, first: CsvRecord) => {
    rule ??= ruleOf(first, nodes)
    find = finder(rule, nodes)
    if (head.fields.length < 2) throw refuse(head, 0, 'edges need two columns, a source and a target: name the delimiter that the file has')
    if (head.fields.slice(0, 2).every((text) => find(text) !== undefined))
      throw refuse(head, 0, 'the first line names two nodes, and is read as the header: put a header above it')
    report.note(
      `edges are read by ${rule === 'id' ? 'the ids of nodes' : 'the rows of nodes, from 0'} (${by === undefined ? 'edgesBy says otherwise' : 'as edgesBy says'})`,
    )
    if (head.fields.length > 2)
      report.doubt(`the edges have more columns than two, which are not read: ${head.fields.slice(2, 8).join(', ').slice(0, 200)}`)
  }
  for await (const group of csvRecords(format, signal))
    for (const record of group) {
      if (sliceIsOver()) await nextSlice()
      if (header === undefined) {
        header = record
        continue
      }
      // A line of spaces alone is an empty line.
      if (record.fields.length === 1 && record.fields[0]!.trim() === '') continue
      if (!begun) begin(header, record)
      begun = true
      if (record.fields.length !== header.fields.length)
        throw refuse(record, 0, `${record.fields.length} fields where the header has ${header.fields.length}: complete the line`)
      const [source, target] = [nodeAt(record, 0), nodeAt(record, 1)]
      // A node is no neighbour of its own: networks that want that add it.
      if (source === target) {
        report.skip('self-loop', `${record.line}: ${record.fields[0]!.slice(0, 80)}`)
        continue
      }
      if (from.length >= MOST_EDGES) throw failure('too-large', `a graph of more than ${MOST_EDGES} edges: leave some out`)
      from.push(source)
      to.push(target)
      if (directed) continue
      from.push(target)
      to.push(source)
    }
  if (header === undefined) throw failure('bad-sample', `${path}:1:1: a header and lines of edges are needed`)
  const made = await neighboursOf(nodes.size, from.values(), to.values())
  const edges = from.length / (directed ? 1 : 2)
  report.note(`${edges} edges were read, ${made.neighbours.length / (directed ? 1 : 2)} of them different`)
  return made
}

/** Rows of neighbours from pairs: counted, filled, sorted, each neighbour once. */
const neighboursOf = async (nodes: number, from: Uint32Array, to: Uint32Array): Promise<Neighbours> => {
  const starts = new Uint32Array(nodes + 1)
  await rangeSliced(from.length, (first, end) => {
    for (let edge = first; edge < end; edge++) starts[from[edge]! + 1]!++
  })
  await rangeSliced(nodes, (first, end) => {
    for (let node = first; node < end; node++) starts[node + 1]! += starts[node]!
  })
  const next = starts.slice()
  const all = new Uint32Array(to.length)
  await rangeSliced(from.length, (first, end) => {
    for (let edge = first; edge < end; edge++) all[next[from[edge]!]!++] = to[edge]!
  })
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
    if (sliceIsOver()) await nextSlice()
  }
  return { offsets, neighbours: all.slice(0, kept) }
}
