import type { CellKind, CellReader } from './cells.ts'

/** A cell that was met, by its place. */
export interface SeenCell {
  readonly line: number
  readonly column: number
  readonly text: string
}

/** What the cells of one column hold, gathered row by row. */
export interface ColumnProfile {
  readonly counts: Record<CellKind, number>
  /** The first cells that are no numbers. */
  readonly odd: SeenCell[]
  /** The first cell of infinity. */
  infinite: SeenCell | undefined
  /** The first number above 2^24 that float32 does not hold exactly: it is off by more than the digits after the point. */
  inexact32: SeenCell | undefined
  /** The first number other than zero that float32 makes zero. */
  zero32: SeenCell | undefined
  /** The first whole number that float64 does not hold exactly. */
  inexact64: SeenCell | undefined
  /** Whether the cells are 0, 1, 2, ... or 1, 2, 3, ...: the numbers of the rows. */
  counting: boolean
}

const MOST_ODD = 5
/** All whole numbers of so many digits are exact in float32, and in float64. */
const [EXACT_32, EXACT_64] = [7, 15]
/** Above it float32 has no digits after the point. */
const LARGE = 2 ** 24

export const createProfile = (): ColumnProfile => ({
  counts: { missing: 0, whole: 0, real: 0, infinite: 0, bool: 0, like: 0, text: 0 },
  odd: [],
  infinite: undefined,
  inexact32: undefined,
  zero32: undefined,
  inexact64: undefined,
  counting: true,
})

/** Takes in one cell of the row of this number, from 0. `at` gives its place. */
export const profileCell = (profile: ColumnProfile, field: string, row: number, cells: CellReader, at: () => SeenCell): void => {
  const kind = cells.kindOf(field)
  profile.counts[kind]++
  switch (kind) {
    case 'whole': {
      if (profile.counting && row < 2 ** 31) {
        const value = cells.numberOf(field)
        profile.counting = value === row || value === row + 1
      }
      if (field.length > EXACT_32 && profile.inexact32 === undefined) {
        const value = cells.numberOf(field)
        if (Math.fround(value) !== value) profile.inexact32 = at()
      }
      if (field.length > EXACT_64 && profile.inexact64 === undefined && !isExact(field, cells)) profile.inexact64 ??= at()
      return
    }
    case 'infinite':
      profile.infinite ??= at()
      break
    case 'real':
      profileReal(profile, field, cells.numberOf(field), at)
      break
    case 'missing':
      break
    case 'bool':
    case 'like':
    case 'text':
      if (profile.odd.length < MOST_ODD) profile.odd.push(at())
  }
  profile.counting = false
}

const profileReal = (profile: ColumnProfile, field: string, value: number, at: () => SeenCell): void => {
  if (profile.inexact32 === undefined && Math.abs(value) > LARGE && Math.fround(value) !== value) profile.inexact32 = at()
  if (profile.zero32 === undefined && value !== 0 && Math.fround(value) === 0) profile.zero32 = at()
  // A whole number beyond int64, whose last digits float64 has lost already.
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER || /[.eE]/.test(field)) return
  profile.inexact32 ??= at()
  profile.inexact64 ??= at()
}

const isExact = (field: string, cells: CellReader): boolean => {
  const value = cells.numberOf(field)
  if (!Number.isSafeInteger(value)) return BigInt(value) === cells.wholeOf(field)
  return true
}

/** Of the values that are there, the share that must be numbers for a text column to be held for a damaged one. */
const NEARLY = 0.9

/** The dtype that fits all cells. */
export const inferredDtype = ({ counts }: ColumnProfile, rows: number): 'int64' | 'float32' | 'bool' | 'string' => {
  const there = rows - counts.missing
  if (there > 0 && counts.bool === there) return 'bool'
  if (counts.bool + counts.like + counts.text > 0) return 'string'
  return there > 0 && counts.whole === there ? 'int64' : 'float32'
}

/** Whether a column of texts holds numbers but for a few cells, or numbers in a spelling that is not read. */
export const isNearlyNumeric = ({ counts }: ColumnProfile, rows: number): boolean => {
  const there = rows - counts.missing
  const numbers = counts.whole + counts.real + counts.infinite + counts.like
  return there > 0 && numbers > 0 && numbers >= there * NEARLY
}
