/** What an NPY file says, by a reader of its own: the header is taken apart as a Python literal. */
export interface NpyReference {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly offset: number
}

const names: Readonly<Record<string, string>> = {
  f2: 'float16', f4: 'float32', f8: 'float64', u1: 'uint8', u2: 'uint16', u4: 'uint32', u8: 'uint64', i1: 'int8', i2: 'int16', i4: 'int32',
  i8: 'int64', b1: 'bool',
} // prettier-ignore

type Token = string

/** Words of a literal: texts with their quotes, numbers, names and signs; undefined for anything else. */
const tokensOf = (text: string): readonly Token[] | undefined => {
  const found: Token[] = []
  let rest = text
  while (rest.trim() !== '') {
    rest = rest.trimStart()
    const token = /^(?:'(?:[^'\\\n]*)'|"(?:[^"\\\n]*)"|\d+|[A-Za-z_]\w*|[{}():,])/.exec(rest)?.[0]
    if (token === undefined) return undefined
    found.push(token)
    rest = rest.slice(token.length)
  }
  return found
}

/** The header of a file, or why numpy would not read it. */
export const npyHeader = (bytes: Buffer): NpyReference | string => {
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') return 'it has no magic'
  const version = bytes[6]!
  if (![1, 2, 3].includes(version) || bytes[7] !== 0) return `it is of version ${version}.${bytes[7]}`
  const start = version === 1 ? 10 : 12
  const length = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8)
  const tokens = tokensOf(bytes.toString(version === 3 ? 'utf8' : 'latin1', start, start + length))
  if (tokens === undefined) return 'its header is no literal'
  let at = 0
  const next = () => tokens[at++]
  const entries = new Map<string, Token | readonly number[]>()
  const tuple = (): readonly number[] | undefined => {
    const sides: number[] = []
    for (;;) {
      let token = next()
      if (token === ')') return sides.length === 1 && tokens[at - 2] !== ',' ? undefined : sides
      if (token === undefined || !/^(?:0+|[1-9]\d*)$/.test(token)) return undefined
      sides.push(Number(token))
      token = next()
      if (token === ',') continue
      if (token !== ')') return undefined
      return sides.length === 1 ? undefined : sides
    }
  }
  if (next() !== '{') return 'its header is no dictionary'
  for (;;) {
    const key = next()
    if (key === '}') break
    if (key === undefined || !/^['"]/.test(key) || next() !== ':') return 'its header is no dictionary'
    const value = tokens[at] === '(' ? (at++, tuple()) : next()
    if (value === undefined) return 'a value of its header is none'
    entries.set(key.slice(1, -1), value)
    const after = next()
    if (after === '}') break
    if (after !== ',') return 'its header is no dictionary'
  }
  if (at !== tokens.length) return 'something stands behind its header'
  if ([...entries.keys()].toSorted().join() !== 'descr,fortran_order,shape') return 'its header has other keys'
  const [descr, order, shape] = [entries.get('descr'), entries.get('fortran_order'), entries.get('shape')]
  if (typeof descr !== 'string' || !Array.isArray(shape) || order !== 'False') return 'its header has other values'
  const [, mark = '', code = ''] = /^['"]([<>|=]?)(.*)['"]$/.exec(descr) ?? []
  const dtype = names[code]
  if (dtype === undefined || mark === '>') return `its descr is ${descr}`
  return { dtype, shape: shape as readonly number[], offset: start + length }
}
