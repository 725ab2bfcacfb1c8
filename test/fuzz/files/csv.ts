import { diceFor, type Dice } from '../dice.ts'
import { words } from '../bodies.ts'
import type { AdoptOptions } from '../../../src/objects/dataset/adopt.ts'
import { openAdopting } from './adopting.ts'
import { blindly, mutated, type Mutation, replaced } from './bytes.ts'
import { comparedTable } from './csv-compared.ts'
import type { Input, Session } from './format.ts'

const lines = (...rows: readonly string[]) => Buffer.from(`${rows.join('\n')}\n`)
const seeds: readonly Buffer[] = [
  lines('id,a,b,label', 'x1,1,2.5,cat', 'x2,-3,4e2,dog', 'x3,0,.5,cat'),
  lines('a,b', '1,2', '3,4', '5,6', '7,8'),
  lines('name,text,n', '"Smith, J.","said ""no""",1', '"two\nlines","",2', 'plain, spaced ,3'),
  Buffer.from('a;b;c\r\n1,5;2;x\r\n3;4,25;y\r\n'),
  Buffer.from('\ufeffa,b\r1,2\r3,4\r'),
  lines('a\tb\tc', '1\t2\t3', '4\t5\t6'),
  lines('flag,big,real', 'true,9007199254740993,1.5', 'false,-9223372036854775808,NaN', 'True,9223372036854775807,'),
  lines('t,series,value', '0,s1,1.0', '1,s1,2.0', '0,s2,3.0', '1,s2,inf'),
  lines('a', '1', '2', '', '3'),
  lines('a,b,c', ',1,NA', '2,,null', '3,4,n/a', '5,6,-999'),
]

const cells = [
  '', ' ', '0', '-0', '+1', '00012', '1.', '.5', '.', '-', '+', 'e', '1e', '1e5', '1E+05', '1e400', '-1e400', '1e-400', '0x10', '1_000', '1,5', '1.000,5',
  '1 000', '1,000,000', '$5', '5%', '(3)', 'inf', '-inf', 'Infinity', 'infinity', '+Inf', 'nan', 'NaN', 'NA', 'N/A', 'None', 'null', '-999', '-999.0', 'true',
  'FALSE', 'True', 'yes', '9007199254740993', '-9223372036854775809', '9223372036854775808', '18446744073709551616', '123456789012345678901234567890',
  '16777217', '3.4028235e38', '3.5e38', '1e-46', '0.1', '1.7976931348623157e308', '٣', '１２', '1\u00a0', '\u20281', '\ufeff1', '"1"', '" 1 "', '""', '"', '"a""b"', '"a"b',
  'a"b', '"a\nb"', '"a\r\nb"', '"a,b"', '\0', '1\0', 'x'.repeat(300), '1'.repeat(400), `${'0'.repeat(420)}1`, `0.${'0'.repeat(400)}1`, ' '.repeat(500), '=1+1', '#', '\\N', '😀', 'é', 'e\u0301',
] as const // prettier-ignore

/** Rows and cells as far as they can be told apart without a reader. */
const cut = (bytes: Buffer): { readonly rows: string[][]; readonly mark: string; readonly end: string } => {
  const text = bytes.toString('latin1')
  const end = text.includes('\r\n') ? '\r\n' : text.includes('\n') ? '\n' : '\r'
  const mark = text.includes('\t') ? '\t' : text.includes(';') ? ';' : ','
  return { rows: text.split(end).map((row) => row.split(mark)), mark, end }
}
const onRows = (name: string, change: (rows: string[][], dice: Dice) => void): Mutation => [
  name,
  (bytes, dice) => {
    const { rows, mark, end } = cut(bytes)
    if (rows.length > 2000) return bytes
    change(rows, dice)
    return Buffer.from(rows.map((row) => row.join(mark)).join(end), 'latin1')
  },
]
const latin = (text: string) => Buffer.from(text).toString('latin1')
const anyRow = (rows: string[][], dice: Dice): string[] => dice.pick(rows)
const setCell = (row: string[], at: number, text: string) => void (row[at] = latin(text))

const own: readonly Mutation[] = [
  onRows('another cell', (rows, dice) => { const row = rows[1 + dice.below(rows.length - 1)] ?? rows[0]!; setCell(row, dice.below(row.length), dice.pick(cells)) }),
  onRows('a column of cells', (rows, dice) => { const at = dice.below(rows[0]!.length); for (const row of rows.slice(1)) if (row.length > at && row.join('') !== '') setCell(row, at, dice.pick(cells.slice(1, 62))) }),
  onRows('another cell', (rows, dice) => { const row = rows[1 + dice.below(rows.length - 1)] ?? rows[0]!; setCell(row, dice.below(row.length), dice.pick(cells.slice(0, 63))) }),
  onRows('another column of cells', (rows, dice) => { const [at, one, other] = [dice.below(rows[0]!.length), dice.pick(cells), dice.pick(cells)]; for (const row of rows.slice(1)) if (row.length > at && row.join('') !== '') setCell(row, at, dice.oneIn(2) ? one : other) }),
  onRows('another name', (rows, dice) => setCell(rows[0]!, dice.below(rows[0]!.length), dice.pick([...words.filter((word) => word.length < 300), 'a', 'b', 'Unnamed: 0', '"a"', 'id']))),
  onRows('a cell added', (rows, dice) => void anyRow(rows, dice).push(latin(dice.pick(cells)))),
  onRows('a cell removed', (rows, dice) => void anyRow(rows, dice).pop()),
  onRows('a row doubled', (rows, dice) => { const at = dice.below(rows.length); rows.splice(at, 0, [...rows[at]!]) }),
  onRows('many rows', (rows, dice) => { const row = rows[1 + dice.below(Math.max(1, rows.length - 2))]; if (row !== undefined) for (let left = dice.pick([50, 300]); left > 0; left--) rows.push([...row]) }),
  onRows('many cells', (rows, dice) => { const count = dice.pick([100, 20_000]); for (const row of dice.oneIn(2) ? rows : [anyRow(rows, dice)]) for (let left = count; left > 0; left--) row.push('7') }),
  onRows('a row of nothing', (rows, dice) => void rows.splice(dice.below(rows.length + 1), 0, dice.pick([[''], [' '], ['', ''], ['\t'], ['   ', '']]))),
  ['other line ends', (bytes, dice) => Buffer.from(bytes.toString('latin1').replaceAll(/\r\n|\n|\r/g, () => dice.pick(['\n', '\r\n', '\r', '\n\n', '\n\r'])), 'latin1')],
  ['a mark of UTF-8', (bytes, dice) => { const at = dice.pick([0, 0, dice.below(bytes.length)]); return replaced(bytes, at, at, Buffer.from('\ufeff')) }],
  ['other letters', (bytes, dice) => dice.pick([Buffer.from(bytes.toString('utf8'), 'utf16le'), Buffer.from(`\ufeff${bytes.toString('utf8')}`, 'utf16le'), Buffer.from(bytes.toString('utf8').replaceAll('a', 'é'), 'latin1')])],
  ['a quote', (bytes, dice) => { const at = dice.below(bytes.length + 1); return replaced(bytes, at, at, Buffer.from('"')) }],
  ['a delimiter', (bytes, dice) => { const at = dice.below(bytes.length + 1); return replaced(bytes, at, at, Buffer.from(dice.pick([',', ';', '\t', '\n', '\r', ' '])))  }],
  ['no end of line', (bytes) => bytes.subarray(0, Math.max(0, bytes.length - 1))],
  ['a long field', (bytes, dice) => { const at = dice.below(bytes.length + 1); return replaced(bytes, at, at, Buffer.alloc(dice.pick([70_000, 300_000]), dice.pick([' ', '1', 'x', '"', ',', '\n', '"x', '""\n']))) }],
] // prettier-ignore

const optionsFor = (bytes: Buffer, dice: Dice): AdoptOptions => {
  const { rows, mark } = cut(bytes)
  const names = (rows[0] ?? []).slice(0, 20).map((name) => Buffer.from(name, 'latin1').toString('utf8').replace(/^\ufeff/, '')).filter((name) => name !== '' && name.length < 100) // prettier-ignore
  const name = () => (names.length === 0 ? 'a' : dice.pick(names))
  return {
    ...(mark !== ',' && !dice.oneIn(6) && { delimiter: mark }),
    ...(!dice.oneIn(3) && { fill: dice.pick([0, -1, 0.5, 1e300, 7]) }),
    ...(dice.oneIn(6) && { quotes: dice.oneIn(2) }),
    ...(dice.oneIn(6) && { decimal: dice.pick(['.', ',']) }),
    ...(dice.oneIn(8) && { thousands: dice.pick([' ', ' ', "'", ',', '.']) }),
    ...(dice.oneIn(8) && { missing: [dice.pick(['-999', '', '?', 'x', '0'])] }),
    ...(dice.oneIn(10) && { defaultMissing: dice.oneIn(2) }),
    ...(dice.oneIn(5) && { columns: { [name()]: dice.pick(['float32', 'float64', 'int64', 'bool', 'string'] as const) } }),
    ...(dice.oneIn(4) && { label: name() }),
    ...(dice.oneIn(6) && { id: name() }),
    ...(dice.oneIn(8) && { features: [name()] }),
    ...(dice.oneIn(10) && { text: name() }),
    ...(dice.oneIn(10) && { group: name() }),
  }
}

export const openCsv = (): Promise<Session> => {
  const { adopt, close } = openAdopting('csv')
  return Promise.resolve({
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'csv')
      const { value, names } = mutated(dice.pick(seeds), { dice, own, blind: blindly, others: seeds })
      return { about: names.join(', '), bytes: value, options: { ...optionsFor(value, dice) } }
    },
    run: ({ bytes, options = {} }) => adopt(bytes, options as AdoptOptions, (set) => comparedTable(bytes, options as AdoptOptions, set)),
    close,
  })
}
