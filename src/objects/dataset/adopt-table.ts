import { failure } from '../../core/errors.ts'
import type { AdoptableFile, Content } from '../../core/self.ts'
import { nextSlice, sliceIsOver } from '../../core/slices.ts'
import { blocks, concatSliced } from './blocks.ts'
import type { Adopted, Layout, TableAdoption } from './adopted.ts'
import { openTable, type Table } from './columns.ts'
import { createClasses } from './classes.ts'
import type { CsvRecord } from './csv.ts'
import type { ReportBuilder } from './report.ts'
import { MOST_SAMPLES, type Label, type Row } from './sample.ts'
import { delimiterOf, labelReader } from './table-labels.ts'
import { reportColumns, rolesOf, type TableRoles } from './table-columns.ts'

/** Time series are gathered in memory, since the rows of one may lie anywhere. */
const MOST_SERIES_BYTES = 1024 ** 3

type FeatureDtype = 'int64' | 'float32' | 'float64'
/** One dtype for all features of a sample: int64 where all are whole, float64 where a column is declared so, else float32. */
const featureDtype = (table: Table, features: readonly number[]): FeatureDtype => {
  const dtypes = features.map((column) => table.dtypes[column])
  if (dtypes.every((dtype) => dtype === 'int64' || dtype === 'bool')) return 'int64'
  return dtypes.includes('float64') ? 'float64' : 'float32'
}

/** The features of a row as bytes, little-endian. */
const encoder = (table: Table, features: readonly number[], dtype: FeatureDtype) => {
  const width = features.length
  return (record: CsvRecord): Uint8Array => {
    if (dtype === 'int64') {
      const values = new BigInt64Array(width)
      for (let index = 0; index < width; index++) values[index] = table.wholeAt(record, features[index]!)
      return new Uint8Array(values.buffer)
    }
    const values = dtype === 'float32' ? new Float32Array(width) : new Float64Array(width)
    for (let index = 0; index < width; index++) values[index] = table.numberAt(record, features[index]!)
    return new Uint8Array(values.buffer)
  }
}

interface Made {
  readonly table: Table
  readonly roles: TableRoles
  readonly encode: (record: CsvRecord) => Uint8Array
  readonly labelOf: (record: CsvRecord) => number | undefined
  readonly add: (sample: string, row: Row) => void
}

/** Rows alike in the columns of the group become one sample each. */
const seriesOf = async ({ table, roles, encode, labelOf, add }: Made, put: Content['put'], signal: AbortSignal): Promise<void> => {
  const { path } = table
  const series = new Map<string, { keys: readonly string[]; bytes: Uint8Array[]; labels: number[] }>()
  let held = 0
  for await (const group of table.records(signal))
    for (const record of group) {
      const keys = roles.groups.map((column) => record.fields[column] ?? '')
      const name = keys.length === 0 ? 'all' : keys.join('/')
      if (name === '') throw table.refuse(record, roles.groups[0] ?? 0, 'the column of the group is empty: a time series needs a name')
      const one = series.get(name) ?? { keys, bytes: [], labels: [] }
      if (one.keys.some((key, index) => key !== keys[index]))
        throw table.refuse(
          record,
          roles.groups[0] ?? 0,
          `two time series would have the id "${name.slice(0, 80)}": leave "/" out of the columns of the group`,
        )
      series.set(name, one)
      const bytes = encode(record)
      one.bytes.push(bytes)
      const value = labelOf(record)
      if (value !== undefined) one.labels.push(value)
      held += bytes.byteLength + 8
      if (sliceIsOver()) await nextSlice()
      if (held > MOST_SERIES_BYTES)
        throw failure('too-large', `${path}: time series of more than ${MOST_SERIES_BYTES} bytes: split the file`)
    }
  for (const [name, { bytes, labels }] of series) {
    const content = await put(await concatSliced(bytes))
    // Label by label in float64: exact for class numbers too.
    const kept = labels.length === 0 ? {} : { labels: await put(new Uint8Array(Float64Array.from(labels).buffer)) }
    add(name, { content, steps: bytes.length, ...kept })
    if (sliceIsOver()) await nextSlice()
  }
}

/** Each row becomes a sample. */
const rowsOf = async ({ table, roles, encode, labelOf, add }: Made, put: Content['put'], signal: AbortSignal): Promise<void> => {
  const { id, text } = roles
  const ids = new Set<string>()
  const gathered = blocks<{ id: string; label: Label | undefined }>(put, (content, { id: sample, label: value, offset, bytes }) =>
    add(sample, { content, part: { offset, bytes }, ...(value !== undefined && { label: value }) }),
  )
  let number = 0
  for await (const group of table.records(signal))
    for (const record of group) {
      const sample = id === undefined ? String(number++).padStart(9, '0') : (record.fields[id] ?? '')
      if (id !== undefined) {
        if (sample === '' || sample.includes('\0') || ids.has(sample))
          throw table.refuse(record, id, `id "${sample.slice(0, 80)}" is empty or stands for another row too: ids are unique`)
        ids.add(sample)
      }
      const bytes = text === undefined ? encode(record) : Buffer.from(record.fields[text] ?? '')
      if (gathered.add(bytes, { id: sample, label: labelOf(record) })) await gathered.flush()
      else if (sliceIsOver()) await nextSlice()
    }
  await gathered.flush()
}

/**
 * Reads a CSV file into samples: each row, or each group of rows. The values are kept as content of the node, in their
 * dtypes, so that no text is read twice.
 */
export const adoptTable = async (
  file: AdoptableFile,
  options: TableAdoption,
  known: readonly string[],
  put: Content['put'],
  report: ReportBuilder,
  signal: AbortSignal,
): Promise<Adopted> => {
  const { path } = file
  const format = { file, path, delimiter: delimiterOf(path, options.delimiter), quotes: options.quotes ?? true }
  const table = await openTable(format, options, options.label, signal)
  const { group, label, id } = options
  const roles = rolesOf(table, options, report)
  const { features, named } = roles
  const classes = createClasses(known, named && roles.label !== undefined ? table.classesOf(roles.label) : [])
  const dtype = featureDtype(table, features)
  const layout: Layout =
    roles.text !== undefined
      ? { dtype: 'string', shape: [] }
      : {
          dtype,
          shape: [features.length],
          columns: features.map((column) => table.names[column] ?? ''),
          ...(group !== undefined && { series: true }),
        }
  const rows: (readonly [string, Row])[] = []
  const made: Made = {
    table,
    roles,
    encode: encoder(table, features, dtype),
    labelOf: labelReader(table, roles.label, named, classes),
    add: (sample, row) => {
      if (rows.length >= MOST_SAMPLES)
        throw failure('too-large', `${path} has more than ${MOST_SAMPLES} samples: split it, or group its rows to time series`)
      rows.push([sample, row])
    },
  }
  await (group === undefined ? rowsOf(made, put, signal) : seriesOf(made, put, signal))
  reportColumns(table, options, roles, layout.dtype, report)
  report.ids = group !== undefined ? 'the texts of the columns of the group' : id === undefined ? 'the number of the row' : `column "${id}"`
  if (label !== undefined) report.labels = `column "${label}" (${named ? 'classes' : 'numbers'})`
  return { rows, layout, classes: classes.names }
}
