import { failure } from '../../core/errors.ts'
import { type CsvFormat, type CsvRecord, csvRecords } from './csv.ts'

export const columnDtypes = ['float32', 'int64', 'string'] as const
export type ColumnDtype = (typeof columnDtypes)[number]

/** How to read a table of text. */
export interface TableOptions {
  /** Dtypes of columns by name; of the others they are inferred: int64 where all values are whole, float32, else string. */
  readonly columns?: Readonly<Record<string, ColumnDtype>>
  /** What stands for a missing number. Without it a missing number is an error. */
  readonly fill?: number
}

/** A table's columns, and the records after its header, each with as many fields. */
export interface Table {
  readonly names: readonly string[]
  readonly dtypes: readonly ColumnDtype[]
  /** Distinct texts of a column, sorted by their UTF-16 code units. */
  classesOf(column: number): readonly string[]
  readonly count: number
  records(signal: AbortSignal): AsyncGenerator<CsvRecord>
  /** @throws `bad-sample` naming file:line:column */
  numberAt(record: CsvRecord, column: number): number
  columnOf(name: string, option: string): number
  refuse(record: CsvRecord, column: number, what: string): Error
}

const NUMBER = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/
const WHOLE = /^\s*[+-]?\d+\s*$/
const MISSING = /^\s*(|NA|N\/A|NaN|null)\s*$/i
const MOST_CLASSES = 65_536

/**
 * Looks through a table once, to know its columns: names, dtypes, and the texts of the columns that `classes` names.
 * @throws ActiveStorageError `bad-sample` naming file:line:column; `invalid-argument` for a column that is not there
 */
export const openTable = async (
  format: CsvFormat,
  { columns = {}, fill }: TableOptions,
  classes: string | undefined,
  signal: AbortSignal,
): Promise<Table> => {
  const { path } = format
  if (fill !== undefined && !Number.isFinite(fill)) throw failure('invalid-argument', `fill ${fill}: use a finite number`)
  const refuse = (record: CsvRecord, column: number, what: string) =>
    failure('bad-sample', `${path}:${record.line}:${record.columns[column] ?? 1}: ${what}`)

  let names: readonly string[] | undefined
  const columnOf = (name: string, option: string): number => {
    const index = names?.indexOf(name) ?? -1
    if (index < 0)
      throw failure('invalid-argument', `${option} "${name}" is no column of ${path}: it has ${(names ?? []).join(', ').slice(0, 400)}`)
    return index
  }
  async function* records(until: AbortSignal): AsyncGenerator<CsvRecord> {
    let header = true
    for await (const record of csvRecords(format, until)) {
      if (header) {
        header = false
        if (names === undefined) {
          const twice = record.fields.findIndex((name, index) => record.fields.indexOf(name) !== index)
          if (twice >= 0) throw refuse(record, twice, `a second column "${record.fields[twice]}": give each a name of its own`)
          names = record.fields
        }
        continue
      }
      const width = names?.length ?? 0
      if (record.fields.length !== width)
        throw refuse(
          record,
          Math.min(record.fields.length, width) - 1,
          `${record.fields.length} fields where the header has ${width}: complete the line, or quote what holds a delimiter`,
        )
      yield record
    }
  }

  const numeric: boolean[] = []
  const whole: boolean[] = []
  const texts = new Set<string>()
  let classColumn: number | undefined
  let count = 0
  for await (const { fields, ...record } of records(signal)) {
    if (count++ === 0) {
      for (const name of Object.keys(columns)) columnOf(name, 'columns')
      numeric.push(...fields.map(() => true))
      whole.push(...fields.map(() => true))
      if (classes !== undefined) classColumn = columnOf(classes, 'label')
    }
    fields.forEach((field, index) => {
      if (!numeric[index] || MISSING.test(field)) return
      if (!NUMBER.test(field)) numeric[index] = false
      else if (whole[index] && !(WHOLE.test(field) && Number.isSafeInteger(Number(field)))) whole[index] = false
    })
    if (classColumn !== undefined) {
      texts.add(fields[classColumn] ?? '')
      // Numbers as labels may be as many as they like: only texts are counted as classes.
      if (texts.size > MOST_CLASSES) {
        if (!numeric[classColumn])
          throw refuse({ fields, ...record }, classColumn, `more than ${MOST_CLASSES} classes: is this the column of the labels?`)
        texts.clear()
      }
    }
  }
  if (names === undefined || count === 0) throw failure('bad-sample', `${path}:1:1: a header and at least one line of values are needed`)
  const known = names
  const dtypes = known.map((name, index): ColumnDtype => {
    const declared = Object.hasOwn(columns, name) ? columns[name] : undefined
    return declared ?? (numeric[index] ? (whole[index] ? 'int64' : 'float32') : 'string')
  })
  return {
    names: known,
    dtypes,
    count,
    records,
    columnOf,
    refuse,
    classesOf: (column) => (column === classColumn ? [...texts].toSorted((a, b) => (a < b ? -1 : 1)) : []),
    numberAt(record, column) {
      const field = record.fields[column] ?? ''
      const dtype = dtypes[column]
      if (MISSING.test(field)) {
        if (fill !== undefined) return fill
        throw refuse(record, column, `column "${known[column]}" has no value here: complete it, or give a number with fill`)
      }
      const value = Number(field)
      const fits =
        dtype === 'int64' ? WHOLE.test(field) && Number.isSafeInteger(value) : NUMBER.test(field) && Number.isFinite(Math.fround(value))
      if (!fits)
        throw refuse(
          record,
          column,
          `"${field.slice(0, 40)}" is no ${dtype}, which column "${known[column]}" is: correct it, or declare the column with columns`,
        )
      return value
    },
  }
}
