import { failure } from '../../core/errors.ts'

/** How numbers and missing values are spelled in a table. */
export interface CellOptions {
  /** Spellings of a missing value beside the default ones. */
  readonly missing?: readonly string[]
  /** Whether the default spellings of a missing value count. Default true. */
  readonly defaultMissing?: boolean
  /** The decimal mark. Default ".". */
  readonly decimal?: '.' | ','
  /** A separator of thousands that numbers may have. Default none. */
  readonly thousands?: string
}

/** The spellings of a missing value that pandas' `read_csv` knows by default. */
export const defaultMissing = [
  '', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA', 'NULL',
  'NaN', 'None', 'n/a', 'nan', 'null',
] as const // prettier-ignore

/**
 * What a cell holds: `whole` a whole number within int64, `real` any other number, `like` a number in a spelling that is
 * not read (`5%`, `1,234.5`), `text` all else.
 */
export type CellKind = 'missing' | 'whole' | 'real' | 'infinite' | 'bool' | 'like' | 'text'

export interface CellReader {
  kindOf(field: string): CellKind
  /** The number of a cell of kind `whole`, `real`, `infinite` or `bool` (1 or 0). */
  numberOf(field: string): number
  /** The exact value of a cell of kind `whole` or `bool`. */
  wholeOf(field: string): bigint
  isMissing(field: string): boolean
}

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13)
const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Without the spaces of ASCII around it: others, such as one that does not break, are no spaces of a number either. */
const trimmed = (field: string): string => {
  let [at, end] = [0, field.length]
  while (at < end && isSpace(field.charCodeAt(at))) at++
  while (end > at && isSpace(field.charCodeAt(end - 1))) end--
  return field.slice(at, end)
}

/** A decimal number, with spaces around it or without: in one pass, so the time is that of the length. */
const numberForm = (field: string): 'whole' | 'real' | undefined => {
  let [at, end] = [0, field.length]
  while (at < end && isSpace(field.charCodeAt(at))) at++
  while (end > at && isSpace(field.charCodeAt(end - 1))) end--
  const sign = field.charCodeAt(at)
  if (sign === 43 || sign === 45) at++
  const first = at
  while (at < end && isDigit(field.charCodeAt(at))) at++
  let digits = at - first
  if (at === end) return digits > 0 ? 'whole' : undefined
  if (field.charCodeAt(at) === 46) {
    const point = ++at
    while (at < end && isDigit(field.charCodeAt(at))) at++
    digits += at - point
  }
  if (digits === 0) return undefined
  const letter = field.charCodeAt(at)
  if (at < end && (letter === 101 || letter === 69)) {
    at++
    const power = field.charCodeAt(at)
    if (power === 43 || power === 45) at++
    const exponent = at
    while (at < end && isDigit(field.charCodeAt(at))) at++
    if (at === exponent) return undefined
  }
  return at === end ? 'real' : undefined
}

const MOST_WORD = 40
const INFINITE = /^[+-]?inf(inity)?$/i
const BOOL = /^(true|false)$/i
// Only texts of up to 40 characters are held against this.
const LIKE = /^[+-]?[$€£¥]?\s?(\d{1,3}([,.' _\u00a0\u202f]\d{3})+([.,]\d+)?|\d+[.,]\d+|\d+)\s?[%‰$€£¥]?$|^\([$€£¥]?\d[\d,.]*\)$/
/** Beyond 15 digits a whole number has to be looked at: int64 ends within those of 19. */
const SURE_DIGITS = 15
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n]

/** @throws `invalid-argument` for options that contradict each other */
export const createCellReader = ({ missing = [], defaultMissing: byDefault = true, decimal = '.', thousands }: CellOptions): CellReader => {
  if (
    thousands !== undefined &&
    (thousands.length !== 1 || thousands === decimal || isDigit(thousands.charCodeAt(0)) || '+-eE'.includes(thousands))
  )
    throw failure('invalid-argument', `thousands "${thousands}": use one character that is no digit, no sign and not the decimal mark`)
  const spellings = new Set([...(byDefault ? defaultMissing : []), ...missing].map((text) => text.trim()))
  const longest = [...spellings].reduce((most, { length }) => Math.max(most, length), 0)
  const plain = decimal === '.' && thousands === undefined
  const written = (field: string): string => {
    if (plain) return field
    const without = thousands === undefined ? field : field.replaceAll(thousands, '')
    // With a decimal comma a point is no part of a number.
    return decimal === ',' ? without.replaceAll('.', '?').replaceAll(',', '.') : without
  }
  const wholeOf = (field: string): bigint => {
    const word = trimmed(written(field))
    if (BOOL.test(word)) return word.length === 4 ? 1n : 0n
    return BigInt(word.startsWith('+') ? word.slice(1) : word)
  }
  // A spelling such as -999 is a number too: "-999.0" and "-9.99e2" are then missing as well, as for pandas.
  const numeric = [...spellings].filter((text) => numberForm(written(text)) !== undefined)
  const numbers = new Set(numeric.map((text) => Number(written(text))))
  const wholes = new Set(numeric.filter((text) => numberForm(written(text)) === 'whole').map(wholeOf))
  const isMissingNumber = (field: string): boolean => {
    if (numbers.size === 0) return false
    const form = numberForm(written(field))
    const value = form === undefined ? Number.NaN : Number(written(field))
    if (!numbers.has(value)) return false
    // Whole numbers that float64 takes for one another are told apart.
    return form !== 'whole' || wholes.size === 0 || Number.isSafeInteger(value) || field.length > 400 || wholes.has(wholeOf(field))
  }
  const isMissing = (field: string): boolean => {
    if (field.length <= longest && spellings.has(field)) return true
    if (isMissingNumber(field)) return true
    if (field !== '' && !isSpace(field.charCodeAt(0)) && !isSpace(field.charCodeAt(field.length - 1))) return false
    const word = trimmed(field)
    return word.length <= longest && spellings.has(word)
  }
  return {
    isMissing,
    wholeOf,
    kindOf(field) {
      const text = written(field)
      const form = numberForm(text)
      if (form !== undefined) {
        if (isMissingNumber(field)) return 'missing'
        if (form === 'real' || text.length <= SURE_DIGITS) return form
        const value = text.length > 400 ? MOST + 1n : wholeOf(field)
        return value >= LEAST && value <= MOST ? 'whole' : 'real'
      }
      if (isMissing(field)) return 'missing'
      if (field.length > MOST_WORD) return 'text'
      const word = trimmed(text)
      if (INFINITE.test(word)) return 'infinite'
      if (BOOL.test(word)) return 'bool'
      return LIKE.test(trimmed(field)) ? 'like' : 'text'
    },
    numberOf(field) {
      const value = Number(written(field))
      if (!Number.isNaN(value)) return value
      const word = trimmed(field).toLowerCase()
      if (word === 'true' || word === 'false') return word === 'true' ? 1 : 0
      return word.startsWith('-') ? -Infinity : Infinity
    },
  }
}
