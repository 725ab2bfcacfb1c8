import type { AdoptOptions } from '../../../src/objects/dataset/adopt.ts'
import { slowRecords } from '../../objects/dataset/csv-reference.ts'
import type { Adoptee } from './adopting.ts'

/**
 * Numbers as the options spell them: by a pattern and `Number`, whatever the product does to be quick. Undefined for what is no
 * number, or a missing one.
 */
const numberIn = (cell: string, { decimal = '.', thousands }: AdoptOptions): string | undefined => {
  const plain = (thousands === undefined ? cell : cell.replaceAll(thousands, '')).replace(/^[ \t-\r]+|[ \t-\r]+$/g, '')
  const word = decimal === ',' ? (plain.includes('.') ? 'x' : plain.replaceAll(',', '.')) : plain
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(word)) return word
  if (/^[+-]?inf(inity)?$/i.test(word)) return word.startsWith('-') ? '-Infinity' : 'Infinity'
  if (/^true$/i.test(word)) return '1'
  return /^false$/i.test(word) ? '0' : undefined
}

const missingWords = ['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA', 'NULL', 'NaN', 'None', 'n/a', 'nan', 'null'] // prettier-ignore

const isMissing = (cell: string, options: AdoptOptions): boolean => {
  const { missing = [], defaultMissing = true } = options
  const all = [...(defaultMissing ? missingWords : []), ...missing.map((text) => text.trim())]
  if (all.includes(cell) || all.includes(cell.replace(/^[ \t-\r]+|[ \t-\r]+$/g, ''))) return true
  const number = numberIn(cell, options)
  return number !== undefined && !/^[a-z]/i.test(cell.trim()) && missing.some((text) => { const other = numberIn(text, options); return other !== undefined && !/^[+-]?[a-z]/i.test(text.trim()) && sameNumber(other, number) }) // prettier-ignore
}
const sameNumber = (a: string, b: string): boolean => {
  const whole = /^[+-]?\d+$/
  return whole.test(a) && whole.test(b) ? BigInt(a.replace('+', '')) === BigInt(b.replace('+', '')) : Number(a) === Number(b)
}

const bytesFor = (cells: readonly string[], dtype: string, options: AdoptOptions): Buffer | string => {
  const fill = options.fill === undefined ? undefined : String(options.fill)
  const numbers = cells.map((cell) => (isMissing(cell, options) ? fill : numberIn(cell, options)))
  const odd = numbers.indexOf(undefined)
  if (odd >= 0) return `${JSON.stringify(cells[odd]?.slice(0, 60))} was read as a number`
  if (dtype === 'float32') return Buffer.from(new Float32Array(numbers.map(Number)).buffer)
  if (dtype === 'float64') return Buffer.from(new Float64Array(numbers.map(Number)).buffer)
  const fraction = numbers.findIndex((number) => !/^[+-]?\d+$/.test(number ?? ''))
  if (fraction >= 0) return `${JSON.stringify(cells[fraction])} was read as a whole number`
  return Buffer.from(new BigInt64Array(numbers.map((number) => BigInt((number ?? '').replace('+', '')))).buffer)
}

const textOf = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const MOST_COMPARED = 40
/** Of a file: the slow reader takes many times as much memory, which would be laid to the product. */
const MOST_BYTES = 1024 ** 2

/** What is wrong with the samples of a table, by a slow reader of tables. */
export const comparedTable = async (bytes: Buffer, options: AdoptOptions, set: Adoptee): Promise<string | undefined> => {
  if (bytes.length > MOST_BYTES) return undefined
  const text = textOf(bytes)
  if (text === undefined) return 'bytes that are no UTF-8 were read'
  const records = slowRecords(text, options.delimiter ?? ',', options.quotes ?? true)
  if (records === undefined) return 'read, though its quotes are in disorder'
  const [names = [], ...rest] = records
  const rows = rest.filter((row) => names.length === 1 || row.length !== 1 || row[0]!.trim() !== '')
  if (rows.some((row) => row.length !== names.length)) return 'read, though rows have other numbers of fields than the header'
  if (new Set(names).size < names.length) return 'read, though two columns have one name'
  const { layout } = set.described
  if (layout === undefined) return 'it has no layout'
  const samples = await set.samples()
  const valuesOf = (row: readonly string[], of: readonly string[]) => of.map((name) => row[names.indexOf(name)] ?? '')
  if (options.group !== undefined) return comparedSeries(set, options, rows.map((row) => ({ keys: valuesOf(row, [options.group].flat() as string[]), row })), (row) => bytesFor(valuesOf(row, layout.columns ?? []), layout.dtype, options)) // prettier-ignore
  if (set.count !== rows.length) return `${set.count} samples of ${rows.length} rows`
  const ids = rows.map((row, index) => (options.id === undefined ? String(index).padStart(9, '0') : (row[names.indexOf(options.id)] ?? '')))
  const byId = new Map(samples.map((sample) => [sample.id, sample]))
  for (const [index, row] of rows.slice(0, MOST_COMPARED).entries()) {
    const id = ids[index]!
    // The first page of many may end before it.
    if (!byId.has(id) && set.count > samples.length) continue
    if (!byId.has(id)) return `row ${index + 1}: no sample ${JSON.stringify(id)}`
    const wanted = options.text === undefined ? bytesFor(valuesOf(row, layout.columns ?? []), layout.dtype, options) : Buffer.from(valuesOf(row, [options.text])[0]!)
    if (typeof wanted === 'string') return `row ${index + 1}: ${wanted}`
    const found = await set.read(id)
    if (!wanted.equals(found)) return `row ${index + 1} of ${JSON.stringify(layout)}: ${Buffer.from(found).toString('hex').slice(0, 200)}, not ${wanted.toString('hex').slice(0, 200)}`
    const label = byId.get(id)?.label
    if (options.label === undefined) continue
    const [cell = ''] = valuesOf(row, [options.label])
    const classes = set.described.classes ?? []
    const right = typeof label === 'number' && (classes.length > 0 ? classes[label] === cell : sameLabel(cell, label, options))
    if (!right) return `row ${index + 1}: label ${label} (${classes[Number(label)]}) of ${JSON.stringify(cell.slice(0, 60))}`
  }
  return undefined
} // prettier-ignore

const sameLabel = (cell: string, label: number, options: AdoptOptions): boolean => {
  const number = numberIn(cell, options)
  return number !== undefined && Number(number) === label
}

interface Keyed {
  readonly keys: readonly string[]
  readonly row: readonly string[]
}
const comparedSeries = async (set: Adoptee, _: AdoptOptions, rows: readonly Keyed[], encode: (row: readonly string[]) => Buffer | string): Promise<string | undefined> => {
  const wanted = new Map<string, Buffer[]>()
  for (const { keys, row } of rows) {
    const made = encode(row)
    if (typeof made === 'string') return made
    const name = keys.join('/')
    wanted.set(name, [...(wanted.get(name) ?? []), made])
  }
  if (set.count !== wanted.size) return `${set.count} series, not ${wanted.size}`
  for (const [name, parts] of [...wanted].slice(0, MOST_COMPARED)) {
    const found = await set.read(name)
    if (!Buffer.concat(parts).equals(found)) return `series ${JSON.stringify(name)} has other values`
  }
  return undefined
} // prettier-ignore
