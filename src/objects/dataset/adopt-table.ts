import { extname } from 'node:path'
import { failure } from '../../core/errors.ts'
import type { Content } from '../../core/self.ts'
import { openTable, type Table, type TableOptions } from './columns.ts'
import { createClasses, type Classes } from './classes.ts'
import { MOST_SAMPLES, type Label, type Row } from './sample.ts'

/** What a table's rows become. */
export interface TableAdoption extends TableOptions {
  /** Default "\t" for .tsv, else ",". */
  readonly delimiter?: string
  /** The column with the samples' ids. Default: the number of the row, of nine digits, so that the order stays. */
  readonly id?: string
  /** Texts become class numbers, numbers stay. */
  readonly label?: string
  /** The columns that a sample is made of. Default: every numeric one that is named for nothing else. */
  readonly features?: readonly string[]
  /** The one column of text that a sample is, in place of features. */
  readonly text?: string
  /** Rows alike in these columns are one sample, a time series in the order of the file. An empty list: the whole file is one. */
  readonly group?: string | readonly string[]
}

/** What the bytes of a sample are, where all are alike. */
export interface Layout {
  dtype: string
  /** Of a sample; of one step where samples are time series. */
  shape: number[]
  columns?: string[]
  series?: boolean
}
export interface Adopted {
  readonly rows: readonly (readonly [id: string, Row])[]
  readonly layout?: Layout
  readonly classes: readonly string[]
}

/** Rows lie in pieces of content of this size: one is read for a sample, and few are needed for a batch in order. */
const BLOCK = 1024 * 1024
/** Time series are gathered in memory, since the rows of one may lie anywhere. */
const MOST_SERIES_BYTES = 1024 ** 3

/** Gathers bytes to pieces of content; `done` is told each piece, with what lies in it. */
const blocks = <T>(
  put: Content['put'],
  done: (content: Awaited<ReturnType<Content['put']>>, held: readonly (T & { offset: number; bytes: number })[]) => void,
) => {
  let parts: Uint8Array[] = []
  let held: (T & { offset: number; bytes: number })[] = []
  let size = 0
  const flush = async () => {
    if (held.length === 0) return
    done(await put(Buffer.concat(parts)), held)
    parts = []
    held = []
    size = 0
  }
  return {
    async add(bytes: Uint8Array, what: T) {
      held.push({ ...what, offset: size, bytes: bytes.byteLength })
      parts.push(bytes)
      size += bytes.byteLength
      if (size >= BLOCK) await flush()
    },
    flush,
  }
}

const encoded = (values: readonly number[], int64: boolean): Uint8Array => {
  const array = int64 ? BigInt64Array.from(values, BigInt) : Float32Array.from(values)
  return new Uint8Array(array.buffer)
}

/** The columns of the features: given, or all numeric ones that have no other part to play. */
const featuresOf = (table: Table, { features, text, label, id }: TableAdoption, groups: readonly number[]): readonly number[] => {
  if (text !== undefined) {
    if (features !== undefined || groups.length > 0)
      throw failure('invalid-argument', 'text: a sample is a text or a list of features, and texts have no groups')
    return []
  }
  const others = new Set([...groups, ...[label, id].flatMap((name) => (name === undefined ? [] : [table.columnOf(name, 'column')]))])
  const chosen =
    features?.map((name) => table.columnOf(name, 'features')) ??
    table.dtypes.flatMap((dtype, index) => (dtype === 'string' || others.has(index) ? [] : [index]))
  const texts = chosen.find((column) => table.dtypes[column] === 'string')
  if (texts !== undefined)
    throw failure('invalid-argument', `column "${table.names[texts]}" holds texts: leave it out of features, or declare it with columns`)
  if (chosen.length === 0)
    throw failure(
      'invalid-argument',
      `no column is left for the features, of ${table.names.join(', ').slice(0, 400)}: name them with features, or text`,
    )
  return chosen
}

/**
 * Reads a CSV file into samples: each row, or each group of rows. The values are kept as content of the node, in their
 * dtypes, so that no text is read twice.
 */
export const adoptTable = async (
  path: string,
  options: TableAdoption,
  known: readonly string[],
  put: Content['put'],
  signal: AbortSignal,
): Promise<Adopted> => {
  const delimiter = options.delimiter ?? (extname(path).toLowerCase() === '.tsv' ? '\t' : ',')
  if (!/^[^"\r\n]$/u.test(delimiter))
    throw failure('invalid-argument', `delimiter "${delimiter}": use one character, no quote or line break`)
  const table = await openTable({ path, delimiter, quotes: delimiter !== '\t' }, options, options.label, signal)
  const { group, text, label, id } = options
  const groups = (typeof group === 'string' ? [group] : (group ?? [])).map((name) => table.columnOf(name, 'group'))
  const features = featuresOf(table, options, groups)
  const labelColumn = label === undefined ? undefined : table.columnOf(label, 'label')
  const idColumn = id === undefined ? undefined : table.columnOf(id, 'id')
  const textColumn = text === undefined ? undefined : table.columnOf(text, 'text')
  const named = labelColumn !== undefined && table.dtypes[labelColumn] === 'string'
  const classes: Classes = createClasses(known, named ? table.classesOf(labelColumn) : [])
  const labelOf = (record: Parameters<Table['numberAt']>[0]): Label | undefined =>
    labelColumn === undefined ? undefined : named ? classes.numberOf(record.fields[labelColumn] ?? '') : table.numberAt(record, labelColumn)
  const int64 = features.length > 0 && features.every((column) => table.dtypes[column] === 'int64')
  const layout: Layout =
    textColumn !== undefined
      ? { dtype: 'string', shape: [] }
      : {
          dtype: int64 ? 'int64' : 'float32',
          shape: [features.length],
          columns: features.map((column) => table.names[column] ?? ''),
          ...(group !== undefined && { series: true }),
        }
  const rows: (readonly [string, Row])[] = []
  const ids = new Set<string>()
  const add = (sample: string, row: Row) => {
    if (rows.length >= MOST_SAMPLES)
      throw failure('too-large', `${path} has more than ${MOST_SAMPLES} samples: split it, or group its rows to time series`)
    rows.push([sample, row])
  }

  if (group !== undefined) {
    const series = new Map<string, { bytes: Uint8Array[]; labels: number[]; line: number }>()
    let held = 0
    for await (const record of table.records(signal)) {
      const name = groups.length === 0 ? 'all' : groups.map((column) => record.fields[column]).join('/')
      const one = series.get(name) ?? { bytes: [], labels: [], line: record.line }
      series.set(name, one)
      const bytes = encoded(
        features.map((column) => table.numberAt(record, column)),
        int64,
      )
      one.bytes.push(bytes)
      const value = labelOf(record)
      if (value !== undefined) one.labels.push(Number(value))
      held += bytes.byteLength + 8
      if (held > MOST_SERIES_BYTES)
        throw failure('too-large', `${path}: time series of more than ${MOST_SERIES_BYTES} bytes: split the file`)
    }
    for (const [name, { bytes, labels, line }] of series) {
      if (name === '') throw failure('bad-sample', `${path}:${line}:1: the column of the group is empty: a time series needs a name`)
      const content = await put(Buffer.concat(bytes))
      // Label by label in float64: exact for class numbers too.
      const kept = labels.length === 0 ? {} : { labels: await put(new Uint8Array(Float64Array.from(labels).buffer)) }
      add(name, { content, steps: bytes.length, ...kept })
    }
    return { rows, layout, classes: classes.names }
  }

  const gathered = blocks<{ id: string; label: Label | undefined }>(put, (content, held) => {
    for (const { id: sample, label: value, offset, bytes } of held)
      add(sample, { content, part: { offset, bytes }, ...(value !== undefined && { label: value }) })
  })
  let number = 0
  for await (const record of table.records(signal)) {
    const sample = idColumn === undefined ? String(number++).padStart(9, '0') : (record.fields[idColumn] ?? '')
    if (idColumn !== undefined) {
      if (sample === '' || sample.includes('\0') || ids.has(sample))
        throw table.refuse(record, idColumn, `id "${sample.slice(0, 80)}" is empty or stands for another row too: ids are unique`)
      ids.add(sample)
    }
    const bytes =
      textColumn === undefined
        ? encoded(
            features.map((column) => table.numberAt(record, column)),
            int64,
          )
        : Buffer.from(record.fields[textColumn] ?? '')
    await gathered.add(bytes, { id: sample, label: labelOf(record) })
  }
  await gathered.flush()
  return { rows, layout, classes: classes.names }
}
