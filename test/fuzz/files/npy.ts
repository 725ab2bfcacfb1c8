import type { Dice } from '../dice.ts'
import { diceFor } from '../dice.ts'
import { npy } from '../../objects/dataset/npys.ts'
import { type Adoptee, openAdopting } from './adopting.ts'
import { blindly, mutated, type Mutation, numbers, replaced } from './bytes.ts'
import type { Input, Session } from './format.ts'
import { npyHeader } from './npy-reference.ts'

const filled = (count: number): Buffer => Buffer.from(Uint8Array.from({ length: count }, (_, index) => (index * 37 + 11) & 127))
const seeds: readonly Buffer[] = [
  npy('<f4', '(3, 4)', filled(48)),
  npy('<f8', '(5,)', filled(40)),
  npy('|u1', '(4, 2, 3)', filled(24)),
  npy('<i8', '(6,)', filled(48)),
  npy('<f2', '(2, 2)', filled(8)),
  npy('|b1', '(7,)', filled(7)),
  npy('<u2', '(2, 3)', filled(12), 2),
  npy('<i4', '(1, 1, 1, 3)', filled(12), 3),
  npy('<f4', '(0, 4)', Buffer.alloc(0)),
  npy('>f4', '(2,)', filled(8)),
  npy('<f4', '(2, 2)', filled(16), 1, 'True'),
  npy('<f4', '(2, 0)', Buffer.alloc(0)),
]

const start = (bytes: Buffer): number => (bytes[6] === 1 ? 10 : 12)
const lengthOf = (bytes: Buffer): number => {
  if (bytes.length < 12) return 0
  return bytes[6] === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8)
}
const textOf = (bytes: Buffer): string => bytes.toString('latin1', start(bytes), start(bytes) + Math.min(lengthOf(bytes), 4096))
/** The file with another header, and a length that is right. */
const withHeader = (bytes: Buffer, text: string): Buffer => {
  const [from, to] = [start(bytes), Math.min(bytes.length, start(bytes) + lengthOf(bytes))]
  const out = replaced(bytes, Math.min(from, bytes.length), to, Buffer.from(text, 'latin1'))
  if (out.length < 12) return out
  if (out[6] === 1) out.writeUInt16LE(text.length & 0xffff, 8)
  else out.writeUInt32LE(text.length >>> 0, 8)
  return out
}

const shapes = [
  '()', '(3)', '(3,)', '( 3 , 4 )', '(3,, 4)', '(,)', '(03, 4)', '(3 4)', '(-3, 4)', '(3.0, 4)', '(3L, 4L)', '(1e3,)', '(4, 3)', '(12,)',
  '(0,)', '(2, 6)', '(9999999999999999999, 0)', '(18446744073709551616,)', '(4294967296, 4294967296)', '(9007199254740993,)', '[3, 4]',
  '(1, 12)', '((3), 4)', '(True, 4)', `(${'1, '.repeat(33)}12)`, `(${'1, '.repeat(31)}12)`, '(0x3, 4)', '(1_2,)', "('3', 4)",
] as const // prettier-ignore
const descrs = [
  '<f4', '|f4', '=f4', 'f4', '>f4', '<f8', '<f2', '<f1', '<f16', '<c8', '<c16', '|u1', '<u1', '<u4', '<i1', '<i2', '|b1', '<b1', '?', 'b',
  '|O', 'O8', '<U4', '|S3', '<M8[ns]', '|V4', '<i8', '<u8', '<f04', '<f 4', '!f4', '<i3',
] as const // prettier-ignore

const keys = ["'descr'", "'fortran_order'", "'shape'"] as const
const entryOf = (text: string, key: string): RegExpExecArray | null => new RegExp(`${key}: *(\\([^)]*\\)|'[^']*'|\\w+)`).exec(text)
const withValue = (key: string, value: string) => (text: string) => {
  const found = entryOf(text, key)
  return found === null ? text : text.replace(found[0], () => `${key}: ${value}`)
}

const onHeader = (name: string, change: (text: string, dice: Dice) => string): Mutation => [
  name,
  (bytes, dice) => withHeader(bytes, change(textOf(bytes), dice)),
]

const own: readonly Mutation[] = [
  onHeader('another shape', (text, dice) => withValue("'shape'", dice.pick(shapes))(text)),
  onHeader('a drawn shape', (text, dice) => {
    const sides = Array.from({ length: 1 + dice.below(4) }, () => (dice.oneIn(3) ? dice.pick(numbers) : dice.below(13)))
    return withValue("'shape'", `(${sides.join(', ')},)`)(text)
  }),
  onHeader('another descr', (text, dice) => withValue("'descr'", `'${dice.pick(descrs)}'`)(text)),
  onHeader('a structured descr', (text, dice) => withValue("'descr'", dice.pick(["[('a', '<f4')]", "[('x', '<f4', (2,)), ('y', '<i2')]", 'None', '7', "('<f4', 3)"]))(text)),
  onHeader('another order', (text, dice) => withValue("'fortran_order'", dice.pick(['True', 'False', 'true', '0', 'None', "'False'"]))(text)),
  onHeader('a key twice', (text, dice) => {
    const key = dice.pick(keys)
    const value = key === "'shape'" ? dice.pick(shapes) : key === "'descr'" ? `'${dice.pick(descrs)}'` : dice.pick(['True', 'False'])
    return dice.oneIn(2) ? text.replace('{', () => `{${key}: ${value}, `) : text.replace('}', () => `${key}: ${value}, }`)
  }),
  onHeader('a key within a text', (text, dice) => {
    const hidden = dice.pick([`'shape': (12,)`, `'descr': '<i4'`, `'fortran_order': False`])
    return text.replace('{', () => `{${dice.pick(["'a'", "'__doc__'"])}: "${hidden}", `)
  }),
  onHeader('another key', (text, dice) => text.replace('{', () => `{${dice.pick(["'extra': 1", "'__proto__': 2", '"descr": "<f8"', "b'shape': (1,)", "'Shape': (2,)"])}, `)),
  onHeader('a key removed', (text, dice) => {
    const found = entryOf(text, dice.pick(keys))
    return found === null ? text : text.replace(`${found[0]}, `, '')
  }),
  onHeader('other quotes or spaces', (text, dice) => dice.pick([text.replaceAll("'", '"'), text.replaceAll(' ', ''), text.replaceAll(': ', ' :\t'), text.replace('{', '\n{'), `${text.trimEnd()}# no\n`, text.replace('}', '} garbage'), text.replace('{', '').replace('}', '')])),
  ['another length of the header', (bytes, dice) => { const out = Buffer.from(bytes); if (out.length < 12) return out; if (out[6] === 1) out.writeUInt16LE(dice.pick([0, 1, 10, 117, 118, 119, 200, 65_535]), 8); else out.writeUInt32LE(dice.pick([0, 1, 116, 65_536, 65_537, 2 ** 31, 2 ** 32 - 1]), 8); return out }],
  ['another version', (bytes, dice) => { const out = Buffer.from(bytes); if (out.length > 7) out[dice.oneIn(3) ? 7 : 6] = dice.pick([0, 1, 2, 3, 4, 255]); return out }],
  ['data longer or shorter', (bytes, dice) => (dice.oneIn(2) ? bytes.subarray(0, Math.max(0, bytes.length - 1 - dice.below(9))) : Buffer.concat([bytes, dice.bytes(1 + dice.below(9))]))],
] // prettier-ignore

const widths: Readonly<Record<string, number>> = { float32: 4, float64: 8, float16: 2, uint16: 2, uint32: 4, uint64: 8, int16: 2, int32: 4, int64: 8 } // prettier-ignore
const MOST_DATA = 4096
/** The file with as much data as its header wants, where that is little. */
const fitted = (bytes: Buffer): Buffer => {
  const header = bytes.length < 12 ? '' : npyHeader(bytes)
  if (typeof header === 'string') return bytes
  const size = header.shape.reduce((product, side) => product * side, widths[header.dtype] ?? 1)
  return size > MOST_DATA ? bytes : Buffer.concat([bytes.subarray(0, header.offset), filled(size)])
}

/** Samples are compared with those that the reference finds. */
const compared = async (bytes: Buffer, set: Adoptee): Promise<string | undefined> => {
  const header = npyHeader(bytes)
  if (typeof header === 'string') return `read as ${JSON.stringify(set.described.layout)}, though ${header}`
  const { layout } = set.described
  const [count = 0, ...sides] = header.shape
  const wanted = `${header.dtype} [${sides.join(', ')}]`
  const found = `${layout?.dtype} [${layout?.shape.join(', ')}]`
  if (found !== wanted || set.count !== count) return `${set.count} samples of ${found}, not ${count} of ${wanted}`
  const size = (bytes.length - header.offset) / Math.max(1, count)
  for (const { id } of (await set.samples()).slice(0, 20)) {
    const from = header.offset + Number(id) * size
    if (!bytes.subarray(from, from + size).equals(await set.read(id))) return `sample ${id} has other bytes`
  }
  return undefined
}

export const openNpy = (): Promise<Session> => {
  const { adopt, close, name } = openAdopting('npy')
  return Promise.resolve({
    names: name,
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'npy')
      const { value, names } = mutated(dice.pick(seeds), { dice, own, blind: blindly, others: seeds })
      // Headers that are right would seldom have the data that they speak of.
      return { about: names.join(', '), bytes: dice.oneIn(3) ? value : fitted(value) }
    },
    run: ({ bytes }) => adopt(bytes, {}, (set) => compared(bytes, set)),
    close,
  })
}
