import { failure } from '../../core/errors.ts'
import { hint } from '../../core/nearest.ts'
import { nextSlice, sliceIsOver } from '../../core/slices.ts'
import { type CellOptions, type CellReader, createCellReader } from './cells.ts'
import { type ColumnProfile, createProfile, inferredDtype, isNearlyNumeric, profileCell, type SeenCell } from './column-profile.ts'
import { type CsvFormat, type CsvRecord, csvRecords } from './csv.ts'

export const columnDtypes = ['float32', 'float64', 'int64', 'bool', 'string'] as const
export type ColumnDtype = (typeof columnDtypes)[number]

/** How to read a table of text. */
export interface TableOptions extends CellOptions {
  /**
   * Dtypes of columns by name; of the others they are inferred: `bool` where all values are true or false, `int64` where all
   * are whole, `float32` where all are numbers, else `string`.
   */
  readonly columns?: Readonly<Record<string, ColumnDtype>>
  /** What stands for a missing number of a feature. Without it a missing number is an error. */
  readonly fill?: number
  /** Whether fields may stand in double quotes. Default true. */
  readonly quotes?: boolean
}

/** A table's columns, and the records after its header, each with as many fields. */
export interface Table {
  readonly path: string
  readonly names: readonly string[]
  readonly dtypes: readonly ColumnDtype[]
  readonly profiles: readonly ColumnProfile[]
  readonly cells: CellReader
  readonly count: number
  /** Distinct texts of a column, sorted by their UTF-16 code units. */
  classesOf(column: number): readonly string[]
  records(signal: AbortSignal): AsyncGenerator<readonly CsvRecord[]>
  /** A feature's number, or `fill`. @throws `bad-sample` naming file:line:column */
  numberAt(record: CsvRecord, column: number): number
  /** The same for a column of int64 or bool, exactly. */
  wholeAt(record: CsvRecord, column: number): bigint
  /** A label's number: never filled, always finite and exact. @throws `bad-sample` naming file:line:column */
  labelAt(record: CsvRecord, column: number): number
  columnOf(name: string, option: string): number
  /** Refuses a column that is no number though nearly all its values are, unless it is declared. @throws `bad-sample` */
  refuseNearlyNumeric(column: number): void
  refuse(record: CsvRecord, column: number, what: string): Error
}

const MOST_CLASSES = 65_536
/** Of the name of a column, in characters: it stands in errors and reports. */
const MOST_NAME = 1000

export const shownCell = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text)

/**
 * Looks through a table once, to know its columns: names, dtypes, and the texts of the columns that `classes` names.
 * @throws ActiveStorageError `bad-sample` naming file:line:column; `invalid-argument` for a column that is not there
 */
export const openTable = async (
  format: CsvFormat,
  options: TableOptions,
  classes: string | undefined,
  signal: AbortSignal,
): Promise<Table> => {
  const { columns = {}, fill } = options
  const { path } = format
  if (fill !== undefined && !Number.isFinite(fill)) throw failure('invalid-argument', `fill ${fill}: use a finite number`)
  const cells = createCellReader(options)
  const refuseAt = (line: number, column: number, what: string) => failure('bad-sample', `${path}:${line}:${column}: ${what}`)
  const refuse = (record: CsvRecord, column: number, what: string) => refuseAt(record.line, record.columnOf(column), what)

  let names: readonly string[] | undefined
  const columnOf = (name: string, option: string): number => {
    const index = names?.indexOf(name) ?? -1
    if (index < 0)
      throw failure(
        'invalid-argument',
        `${option} "${name}" is no column of ${path}${hint(name, names ?? [])}; it has ${(names ?? []).join(', ').slice(0, 400)}`,
      )
    return index
  }
  const checkHeader = (record: CsvRecord): void => {
    const place = new Map<string, number>()
    record.fields.forEach((name, index) => {
      if (name.includes('\0')) throw refuse(record, index, 'a zero byte in a name: is this UTF-16? Convert the file to UTF-8')
      if (name.length > MOST_NAME)
        throw refuse(record, index, `a name of ${name.length} characters; the most is ${MOST_NAME}: is this the line of the names?`)
      if (place.has(name)) throw refuse(record, index, `a second column "${name}": give each a name of its own`)
      place.set(name, index)
    })
  }
  async function* records(until: AbortSignal): AsyncGenerator<readonly CsvRecord[]> {
    let header = true
    for await (const group of csvRecords(format, until)) {
      const [first] = group
      if (header && first !== undefined && names === undefined) {
        checkHeader(first)
        names = first.fields
      }
      const width = names?.length ?? 0
      // A line of spaces alone is an empty line, as for pandas.
      const rows = (header ? group.slice(1) : group).filter(({ fields }) => width === 1 || fields.length !== 1 || fields[0]!.trim() !== '')
      header = false
      for (const record of rows)
        if (record.fields.length !== width)
          throw refuse(
            record,
            Math.max(0, Math.min(record.fields.length, width) - 1),
            `${record.fields.length} fields where the header has ${width}: complete the line, quote what holds a delimiter, or name the delimiter`,
          )
      yield rows
    }
  }

  const profiles: ColumnProfile[] = []
  const texts = new Set<string>()
  let classColumn: number | undefined
  let count = 0
  for await (const group of records(signal)) {
    if (profiles.length === 0 && names !== undefined) {
      for (const name of Object.keys(columns)) columnOf(name, 'columns')
      profiles.push(...names.map(createProfile))
      if (classes !== undefined) classColumn = columnOf(classes, 'label')
    }
    for (const record of group) {
      const { fields } = record
      for (let index = 0; index < profiles.length; index++) {
        const text = fields[index]!
        profileCell(profiles[index]!, text, count, cells, () => ({ line: record.line, column: record.columnOf(index), text }))
      }
      count++
      if (sliceIsOver()) await nextSlice()
      if (classColumn === undefined) continue
      texts.add(fields[classColumn]!)
      // Numbers as labels may be as many as they like: only texts are counted as classes.
      if (texts.size > MOST_CLASSES) {
        const { counts } = profiles[classColumn]!
        if (counts.text + counts.like > 0)
          throw refuse(record, classColumn, `more than ${MOST_CLASSES} classes: is this the column of the labels?`)
        texts.clear()
      }
    }
  }
  if (names === undefined || count === 0) throw refuseAt(1, 1, 'a header and at least one line of values are needed')
  const known = names
  const declared = (index: number): ColumnDtype | undefined => {
    const name = known[index]!
    return Object.hasOwn(columns, name) ? columns[name] : undefined
  }
  const dtypes = known.map((_, index): ColumnDtype => {
    const inferred = declared(index) ?? inferredDtype(profiles[index]!, count)
    const filled = profiles[index]!.counts.missing > 0 && fill !== undefined && !Number.isSafeInteger(fill)
    // A fill of 0.5 in a column of whole numbers makes it one of fractions, as NaN does for pandas.
    return inferred === 'int64' && filled && declared(index) === undefined ? 'float32' : inferred
  })
  const fits = (field: string, dtype: ColumnDtype | undefined): boolean => {
    const kind = cells.kindOf(field)
    if (kind === 'infinite') return dtype === 'float32' || dtype === 'float64'
    if (kind === 'bool') return dtype === 'bool'
    if (kind !== 'whole' && kind !== 'real') return false
    if (dtype === 'int64') return kind === 'whole'
    if (dtype === 'bool') return kind === 'whole' && (cells.numberOf(field) === 0 || cells.numberOf(field) === 1)
    const value = cells.numberOf(field)
    return Number.isFinite(dtype === 'float32' ? Math.fround(value) : value)
  }
  const check = (record: CsvRecord, column: number, field: string) => {
    if (!fits(field, dtypes[column]))
      throw refuse(
        record,
        column,
        `${shownCell(field)} is no ${dtypes[column]}, which column "${known[column]}" is: correct it, or declare the column with columns`,
      )
  }
  const missing = (record: CsvRecord, column: number): number => {
    if (fill === undefined)
      throw refuse(record, column, `column "${known[column]}" has no value here: complete it, or give a number with fill`)
    if ((dtypes[column] === 'int64' || dtypes[column] === 'bool') && !Number.isSafeInteger(fill))
      throw refuse(record, column, `fill ${fill} is no ${dtypes[column]}, which column "${known[column]}" is: give a whole number`)
    if (dtypes[column] === 'float32' && !Number.isFinite(Math.fround(fill)))
      throw refuse(record, column, `fill ${fill} is no float32, which column "${known[column]}" is: declare the column as float64`)
    return fill
  }
  return {
    path,
    names: known,
    dtypes,
    profiles,
    cells,
    count,
    records,
    columnOf,
    refuse,
    classesOf: (column) => (column === classColumn ? [...texts].toSorted((a, b) => (a < b ? -1 : 1)) : []),
    numberAt(record, column) {
      const field = record.fields[column] ?? ''
      if (cells.isMissing(field)) return missing(record, column)
      check(record, column, field)
      return cells.numberOf(field)
    },
    wholeAt(record, column) {
      const field = record.fields[column] ?? ''
      if (cells.isMissing(field)) return BigInt(missing(record, column))
      check(record, column, field)
      return cells.wholeOf(field)
    },
    labelAt(record, column) {
      const field = record.fields[column] ?? ''
      const name = `column "${known[column]}"`
      if (cells.isMissing(field))
        throw refuse(record, column, `${name} has no label here: complete it, or leave the row out (fill is for features)`)
      check(record, column, field)
      const value = cells.numberOf(field)
      if (!Number.isFinite(value)) throw refuse(record, column, `${shownCell(field)} is no finite number, and ${name} holds labels`)
      const kind = cells.kindOf(field)
      const digits = !Number.isSafeInteger(value) && /^\s*[+-]?\d+\s*$/.test(field.slice(0, 64))
      if (
        digits &&
        (field.length > 64 || (kind === 'whole' ? cells.wholeOf(field) : BigInt(field.trim().replace('+', ''))) !== BigInt(value))
      )
        throw refuse(
          record,
          column,
          `label ${shownCell(field)} is beyond 2^53, where numbers lose digits: declare ${name} as "string" with columns, for classes`,
        )
      return value
    },
    refuseNearlyNumeric(column) {
      const profile = profiles[column]!
      const [odd] = profile.odd
      if (dtypes[column] !== 'string' || declared(column) !== undefined || odd === undefined || !isNearlyNumeric(profile, count)) return
      throw nearlyNumeric(refuseAt, known[column]!, profile, odd, count)
    },
  }
}

const nearlyNumeric = (
  refuseAt: (line: number, column: number, what: string) => Error,
  name: string,
  { counts }: ColumnProfile,
  odd: SeenCell,
  rows: number,
): Error => {
  const there = rows - counts.missing
  const plain = counts.whole + counts.real + counts.infinite
  return refuseAt(
    odd.line,
    odd.column,
    `${shownCell(odd.text)} is not read as a number, and ${plain} of the ${there} values of column "${name}" are numbers: correct it, add it to missing, say how numbers are written with decimal and thousands, or declare the column with columns ("string" leaves it out of the features)`,
  )
}
