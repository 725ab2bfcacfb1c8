import { failure } from '../../core/errors.ts'
import type { TableAdoption } from './adopted.ts'
import { defaultMissing } from './cells.ts'
import type { SeenCell } from './column-profile.ts'
import { shownCell, type Table, type TableOptions } from './columns.ts'
import type { GraphAdoption } from './graph/graph-options.ts'
import type { ColumnRole, ReportBuilder } from './report.ts'

/** The part that each column of a table plays, by index. */
export interface TableRoles {
  readonly features: readonly number[]
  readonly words?: number | undefined
  readonly groups: readonly number[]
  readonly label: number | undefined
  readonly id: number | undefined
  readonly text: number | undefined
  /** Whether the label's texts are names of classes. */
  readonly named: boolean
}

const place = ({ line, column, text }: SeenCell): string => `${line}:${column} ${shownCell(text)}`

/** What pandas names a column without a name, as that of an index. */
const UNNAMED = /^Unnamed: \d{1,9}$/

/** Without a list of features: every numeric column that plays no other part. */
const defaultFeatures = (table: Table, others: ReadonlySet<number>, report: ReportBuilder): readonly number[] =>
  table.names.flatMap((name, index) => {
    if (others.has(index)) return []
    const { counts, counting } = table.profiles[index]!
    if (name === '') {
      if (!counting && counts.missing < table.count)
        throw failure('bad-sample', `${table.path}:1:1: column ${index + 1} has no name: name it, or list the features`)
      report.doubt(
        `column ${index + 1} has no name and holds ${counting ? 'the numbers of the rows' : 'nothing'}: it is left out of the features`,
      )
      return []
    }
    table.refuseNearlyNumeric(index)
    if (counting && UNNAMED.test(name)) report.doubt(`column "${name}" holds the numbers of the rows, and is a feature: list the features`)
    return table.dtypes[index] === 'string' ? [] : [index]
  })

/** @throws `invalid-argument` where the options name no samples; `bad-sample` for a column of numbers with odd cells */
export const rolesOf = (table: Table, options: TableAdoption, report: ReportBuilder): TableRoles => {
  const { group, text, features } = options
  const at = (name: string | undefined, option: string) => (name === undefined ? undefined : table.columnOf(name, option))
  const groups = (typeof group === 'string' ? [group] : (group ?? [])).map((name) => table.columnOf(name, 'group'))
  const [label, id, texts] = [at(options.label, 'label'), at(options.id, 'id'), at(text, 'text')]
  if (texts !== undefined && (features !== undefined || group !== undefined))
    throw failure('invalid-argument', 'text: a sample is a text or a list of features, and texts have no groups')
  if (label !== undefined) table.refuseNearlyNumeric(label)
  const others = new Set([...groups, ...[label, id].filter((column) => column !== undefined)])
  const chosen =
    texts !== undefined ? [] : (features?.map((name) => table.columnOf(name, 'features')) ?? defaultFeatures(table, others, report))
  refuseTexts(table, chosen)
  if (texts === undefined && chosen.length === 0)
    throw failure(
      'invalid-argument',
      `no column of ${table.path} is left for the features, of ${table.names.join(', ').slice(0, 400)}: name them with features, or text`,
    )
  return { features: chosen, groups, label, id, text: texts, named: isNamed(table, label, options) }
}

/** Whether a label's texts are names of classes: true and false are, unless they are declared as numbers. */
const isNamed = (table: Table, label: number | undefined, { columns = {} }: TableOptions): boolean =>
  label !== undefined &&
  (table.dtypes[label] === 'string' || (table.dtypes[label] === 'bool' && !Object.hasOwn(columns, table.names[label]!)))

const refuseTexts = (table: Table, features: readonly number[]): void => {
  const column = features.find((each) => table.dtypes[each] === 'string')
  if (column === undefined) return
  const [odd] = table.profiles[column]!.odd
  throw failure(
    'invalid-argument',
    `column "${table.names[column]}" of ${table.path} holds texts${odd === undefined ? '' : `, first at ${place(odd)}`}: leave it out of features, or declare it with columns`,
  )
}

/** The same for the nodes of a graph, whose features are named and whose id is the first column by default. */
export const rolesOfNodes = (table: Table, options: GraphAdoption): TableRoles & { readonly id: number } => {
  const at = (name: string | undefined, option: string) => (name === undefined ? undefined : table.columnOf(name, option))
  const label = at(options.label, 'label')
  const features = (options.features ?? []).map((name) => table.columnOf(name, 'features'))
  if (label !== undefined) table.refuseNearlyNumeric(label)
  refuseTexts(table, features)
  const named = isNamed(table, label, options)
  return { features, groups: [], label, id: at(options.id, 'id') ?? 0, text: undefined, words: at(options.words, 'words'), named }
}

const roleOf = (index: number, roles: TableRoles): ColumnRole => {
  if (index === roles.text) return 'text'
  if (index === roles.words) return 'words'
  if (index === roles.label) return 'label'
  if (roles.features.includes(index)) return 'feature'
  if (index === roles.id) return 'id'
  return roles.groups.includes(index) ? 'group' : 'left out'
}

/** Tells a report what was made of each column, and what is doubtful in it. */
export const reportColumns = (
  table: Table,
  options: TableOptions & { readonly features?: readonly string[] },
  roles: TableRoles,
  dtype: string,
  report: ReportBuilder,
): void => {
  const { columns = {}, features, fill } = options
  table.names.forEach((name, index) => {
    const { counts, odd, infinite, inexact32, inexact64, zero32 } = table.profiles[index]!
    const role = roleOf(index, roles)
    const known = table.dtypes[index]!
    const mixed = known === 'string' && counts.whole + counts.real + counts.infinite > 0
    report.column({ name, dtype: known, role, missing: counts.missing, ...(mixed && { odd: odd.map(place) }) })
    const shown = `column ${JSON.stringify(name.slice(0, 80))}`
    if (
      role === 'left out' &&
      known === 'string' &&
      name !== '' &&
      features === undefined &&
      roles.text === undefined &&
      !Object.hasOwn(columns, name)
    )
      report.doubt(
        `${shown} holds texts, ${odd[0] === undefined ? 'none of them a number' : `as ${place(odd[0])}`}: it is left out of the features${odd[0] === undefined ? '' : '; where that means a missing value, name it in `missing`'}`,
      )
    if (role === 'feature') {
      if (counts.missing > 0) report.note(`${shown}: ${counts.missing} missing values are filled with ${fill}`)
      if (infinite !== undefined) report.doubt(`${shown} holds infinity, first at ${place(infinite)}`)
      const inexact =
        dtype === 'float32' && columns[name] !== 'float32'
          ? inexact32
          : dtype === 'float64' && columns[name] !== 'float64'
            ? inexact64
            : undefined
      if (inexact !== undefined)
        report.doubt(
          `${shown} holds a ${/[.eE]/.test(inexact.text) ? '' : 'whole '}number that ${dtype} rounds, first at ${place(inexact)}: ${dtype === 'float32' ? 'declare it as float64 with columns, or leave it out' : 'leave it out of the features'}`,
        )
    }
    if (role === 'feature' && dtype === 'float32' && columns[name] !== 'float32' && zero32 !== undefined)
      report.doubt(`${shown} holds a number that float32 makes zero, first at ${place(zero32)}: declare it as float64 with columns`)
    if (role === 'text' && counts.missing > 0)
      report.note(`${shown}: ${counts.missing} texts are empty, or spelled as a missing value; they are taken as they stand`)
    if (role === 'label' && roles.named && counts.missing > 0) {
      const spelled = table.classesOf(index).filter((each) => table.cells.isMissing(each))
      report.doubt(
        `${shown}: ${counts.missing} labels are spelled as a missing value and taken as names of classes (${spelled.slice(0, 5).map(shownCell).join(', ')})`,
      )
    }
  })
  const numbers = table.names.filter((name, index) => name !== String(index) && ['whole', 'real'].includes(table.cells.kindOf(name)))
  if (numbers.length > 0 && numbers.length * 2 >= table.names.length)
    report.doubt(`the header holds numbers (${numbers.slice(0, 3).join(', ')}): if it is a row of values, put a header above it`)
  if (options.missing !== undefined || options.defaultMissing === false)
    report.note(
      `missing values are spelled ${[...(options.defaultMissing === false ? [] : defaultMissing), ...(options.missing ?? [])]
        .map((each) => JSON.stringify(each))
        .join(', ')
        .slice(0, 400)}`,
    )
}
