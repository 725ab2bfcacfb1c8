/** The three values of an NPY header. */
export interface NpyDictionary {
  /** As it stands between its quotes. */
  readonly descr: string
  readonly fortran: boolean
  readonly shape: readonly number[]
}

/** A text in quotes without escapes, a whole number without leading zeros, a name, or a sign. */
const TOKEN = /\s*(?:('[^'\\\n]*'|"[^"\\\n]*")|(0+(?!\d)|[1-9]\d*)|([A-Za-z_]\w*)|([{}():,]))/y

const tokensOf = (text: string): readonly string[] | undefined => {
  const end = text.trimEnd().length
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < end) {
    const found = TOKEN.exec(text)
    if (found === null) return undefined
    tokens.push(found[0].trim())
  }
  return tokens
}

type Entry = string | boolean | readonly number[]

/** Whole numbers in brackets, each followed by a comma; the last of several need not be. */
const tupleFrom = (tokens: readonly string[], from: number): { readonly sides: readonly number[]; readonly next: number } | undefined => {
  const sides: number[] = []
  for (let at = from; ;) {
    if (tokens[at] === ')') return { sides, next: at + 1 }
    const side = /^\d+$/.test(tokens[at] ?? '') ? Number(tokens[at]) : undefined
    if (side === undefined || !Number.isSafeInteger(side)) return undefined
    sides.push(side)
    if (tokens[at + 1] === ',') at += 2
    // (3) is a number, not a tuple.
    else if (tokens[at + 1] === ')' && sides.length > 1) at += 1
    else return undefined
  }
}

/**
 * Reads the header of an NPY file, the text of a Python dictionary of exactly the keys `descr`, `fortran_order` and `shape`, each
 * once: whatever else the text holds, it is read as numpy reads it or not at all.
 * @returns undefined for any other text
 * @example npyDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }")?.shape // [3, 4]
 */
export const npyDictionary = (text: string): NpyDictionary | undefined => {
  const tokens = tokensOf(text)
  if (tokens?.[0] !== '{') return undefined
  const entries = new Map<string, Entry>()
  let at = 1
  while (tokens[at] !== '}') {
    const [key = '', colon, value = ''] = tokens.slice(at, at + 3)
    const name = key.slice(1, -1)
    if (!/^['"]/.test(key) || colon !== ':' || entries.has(name)) return undefined
    const tuple = value === '(' ? tupleFrom(tokens, at + 3) : undefined
    if (tuple !== undefined) entries.set(name, tuple.sides)
    else if (/^['"]/.test(value)) entries.set(name, value.slice(1, -1))
    else if (value === 'True' || value === 'False') entries.set(name, value === 'True')
    else return undefined
    at = tuple?.next ?? at + 3
    if (tokens[at] === ',') at++
    else if (tokens[at] !== '}') return undefined
  }
  const [descr, fortran, shape] = [entries.get('descr'), entries.get('fortran_order'), entries.get('shape')]
  if (at + 1 !== tokens.length || entries.size !== 3) return undefined
  if (typeof descr !== 'string' || typeof fortran !== 'boolean' || shape === undefined || typeof shape !== 'object') return undefined
  return { descr, fortran, shape }
}
