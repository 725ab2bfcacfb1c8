import { failure } from '../../../core/errors.ts'
import type { AdoptableFile, Content } from '../../../core/self.ts'
import { mapSliced, nextSlice, sliceIsOver } from '../../../core/slices.ts'
import type { Adopted } from '../adopted.ts'
import { createClasses } from '../classes.ts'
import { openTable, type Table } from '../columns.ts'
import type { CsvRecord } from '../csv.ts'
import type { ReportBuilder } from '../report.ts'
import { MOST_SAMPLES, type Row } from '../sample.ts'
import { delimiterOf, labelReader } from '../table-labels.ts'
import { reportColumns, rolesOfNodes } from '../table-columns.ts'
import { readEdges } from './edges.ts'
import { encodeGraph, type Features } from './format.ts'
import type { GraphAdoption } from './graph-options.ts'
import { growing } from './growing.ts'

const MOST_WIDTH = 1_000_000

/** The words of a node: distinct whole numbers below a bound. */
const wordsOf = (table: Table, record: CsvRecord, column: number, bound: number): ReadonlySet<number> => {
  const own = new Set<number>()
  for (const word of (record.fields[column] ?? '').split(' ')) {
    if (word === '') continue
    const value = /^\d{1,9}$/.test(word) ? Number(word) : -1
    if (value < 0 || value >= bound)
      throw table.refuse(
        record,
        column,
        `"${word.slice(0, 40)}" is no index of a word below ${bound}: use whole numbers with spaces between them`,
      )
    own.add(value)
  }
  return own
}

/** Reads nodes and edges, and keeps them as one piece of content that can be sampled from. */
export const adoptGraph = async (
  folder: string,
  { nodes, edges }: { readonly nodes: AdoptableFile; readonly edges: AdoptableFile },
  options: GraphAdoption,
  known: readonly string[],
  put: Content['put'],
  report: ReportBuilder,
  signal: AbortSignal,
): Promise<Adopted> => {
  const { label, features, words, id, directed = false, quotes = true } = options
  if (features !== undefined && words !== undefined) throw failure('invalid-argument', 'a node has features or words, not both')
  const delimiter = delimiterOf(folder, options.delimiter ?? '\t')
  const formatOf = (file: AdoptableFile) => ({ file, path: file.path, delimiter, quotes })
  const texts = [id, words].flatMap((name) => (name === undefined ? [] : [[name, 'string'] as const]))
  const table = await openTable(
    formatOf(nodes),
    { ...options, columns: { ...Object.fromEntries(texts), ...options.columns } },
    label,
    signal,
  )
  if (table.count > MOST_SAMPLES) throw failure('too-large', `a graph of ${table.count} nodes; the most is ${MOST_SAMPLES}`)
  const roles = rolesOfNodes(table, options)
  const classes = createClasses(known, roles.named && roles.label !== undefined ? table.classesOf(roles.label) : [])
  const labelOf = labelReader(table, roles.label, roles.named, classes)
  const { id: idColumn, words: wordColumn, features: columns } = roles

  const labels: (number | undefined)[] = []
  const ids = new Map<string, number>()
  const starts = growing()
  const held = growing()
  const dense = new Float32Array(table.count * columns.length)
  starts.push(0)
  for await (const group of table.records(signal))
    for (const record of group) {
      const name = record.fields[idColumn] ?? ''
      if (name === '' || name.includes('\0') || ids.has(name))
        throw table.refuse(record, idColumn, `id "${name.slice(0, 80)}" is empty or stands for another node too: ids are unique`)
      columns.forEach((column, index) => {
        const value = table.numberAt(record, column)
        if (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
          throw table.refuse(record, column, `${value} is no float32, which features of nodes are: scale the column`)
        dense[ids.size * columns.length + index] = value
      })
      ids.set(name, ids.size)
      if (wordColumn !== undefined) {
        for (const word of wordsOf(table, record, wordColumn, options.width ?? MOST_WIDTH)) held.push(word)
        starts.push(held.length)
      }
      labels.push(labelOf(record))
      if (sliceIsOver()) await nextSlice()
    }
  const neighbours = await readEdges(formatOf(edges), ids, { by: options.edgesBy, directed }, report, signal)
  const graphFeatures = (): Features => {
    if (columns.length > 0) return { kind: 'dense', width: columns.length, values: dense }
    if (wordColumn === undefined) return { kind: 'none', width: 0 }
    const width = options.width ?? held.values().reduce((most, word) => Math.max(most, word + 1), 0)
    return { kind: 'words', width, offsets: starts.values(), words: held.values() }
  }
  const made = graphFeatures()
  const content = await put(await encodeGraph({ nodes: ids.size, ...neighbours, features: made }))
  // Features of nodes are named: a column of texts is no doubt, but columns of numbers that nobody named are.
  reportColumns(table, { ...options, features: features ?? [] }, roles, 'float32', report)
  const numbers = table.names.filter((_, index) => index !== idColumn && index !== roles.label && table.dtypes[index] !== 'string')
  if (made.kind === 'none' && numbers.length > 0)
    report.doubt(`nodes have no features: name columns with features (numbers stand in ${numbers.slice(0, 8).join(', ').slice(0, 200)})`)
  report.ids = `column "${table.names[idColumn]}"`
  if (label !== undefined) report.labels = `column "${label}" (${roles.named ? 'classes' : 'numbers'})`
  return {
    rows: await mapSliced([...ids.keys()], (name, row): readonly [string, Row] => {
      const value = labels[row]
      return [name, { content, row, ...(value !== undefined && { label: value }) }]
    }),
    layout: { dtype: 'graph', shape: [made.width] },
    classes: classes.names,
  }
}
