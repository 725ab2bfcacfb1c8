import type { Estimate } from './statistics.ts'

export interface Goal {
  readonly atMost?: number
  readonly atLeast?: number
}
export type Verdict = 'met' | 'undecided' | 'missed' | 'shown'

/** What one claim came to. */
export interface Result extends Estimate {
  readonly id: string
  /** Absent: a figure that is shown beside a claim, and that nothing depends on. */
  readonly goal?: Goal
  /** Of figure, interval and goal; absent for a ratio. */
  readonly unit?: 'µs' | 'ms' | 'MiB' | '/s' | 'writes'
  /** What the figure was made of, for who wants to look closer. */
  readonly details?: Readonly<Record<string, number | string>>
}

/** Something to measure, which settles one or more claims. */
export interface Measurement {
  /** Ids of the results, in order. */
  readonly claims: readonly string[]
  /** One sentence: what is measured, and against what. */
  readonly about: string
  run(): Promise<readonly Result[]>
}

/** A claim is missed only if the whole interval lies beyond the goal, and met only if all of it lies within. */
export const verdictOf = ({ goal, low, high }: Result): Verdict => {
  if (goal === undefined) return 'shown'
  const { atMost = Infinity, atLeast = -Infinity } = goal
  if (low >= atLeast && high <= atMost) return 'met'
  return high < atLeast || low > atMost ? 'missed' : 'undecided'
}

const written = (value: number, unit: Result['unit']): string =>
  unit === undefined ? value.toFixed(3) : Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1)

export const lineOf = (result: Result): string => {
  const { id, figure, low, high, goal, unit } = result
  const ending = unit === undefined ? '' : ` ${unit}`
  const measured = `${id}: ${written(figure, unit)}${ending} (95 % ${written(low, unit)}..${written(high, unit)})`
  if (goal === undefined) return `shown ${measured}`
  const wanted = goal.atMost === undefined ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`
  return `claim ${measured} goal ${wanted}${ending} ${verdictOf(result)}`
}

export const detailsOf = ({ details = {} }: Result): string =>
  Object.entries(details)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
    .join(', ')
