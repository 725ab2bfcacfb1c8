/** Shares `total` out by weights, in whole numbers: each has what is due to it, rounded, and no more than its `most`. */
export const apportion = (total: number, weights: readonly number[], most: readonly number[]): number[] => {
  const given = weights.map(() => 0)
  let left = Math.min(
    total,
    most.reduce((sum, each) => sum + each, 0),
  )
  while (left > 0) {
    const open = weights.map((_, i) => i).filter((i) => (given[i] ?? 0) < (most[i] ?? 0))
    const weightOf = (i: number) => Math.max(weights[i] ?? 0, Number.MIN_VALUE)
    const sum = open.reduce((all, i) => all + weightOf(i), 0)
    const due = open.map((i) => ({ i, share: (left * weightOf(i)) / sum }))
    let given1 = 0
    for (const { i, share } of due) {
      const now = Math.min(Math.floor(share), (most[i] ?? 0) - (given[i] ?? 0))
      given[i] = (given[i] ?? 0) + now
      given1 += now
    }
    left -= given1
    if (given1 > 0 && due.some(({ i }) => (given[i] ?? 0) >= (most[i] ?? 0))) continue
    // What is left is less than one each: to those whose part was cut by most, the first of equals first.
    const rest = due.filter(({ i }) => (given[i] ?? 0) < (most[i] ?? 0)).sort((a, b) => (b.share % 1) - (a.share % 1) || a.i - b.i)
    for (const { i } of rest) {
      if (left === 0) break
      given[i] = (given[i] ?? 0) + 1
      left--
    }
  }
  return given
}

export interface Stock {
  /** Samples of the epoch in all, and those that have been counted. */
  readonly count: number
  readonly next: number
  /** Samples a second; undefined before it has been seen. */
  readonly speed?: number
}
const leftOf = ({ count, next }: Stock) => count - next

/**
 * What each takes of a batch, by how many samples it has: so that all come to their end together. A function of the ledger
 * alone: what the batches before have given is set off, so that sizes differ by three at the most.
 */
export const takesByCount = (stocks: readonly Stock[], batch: number): number[] => {
  const done = stocks.reduce((sum, { next }) => sum + next, 0)
  const counts = stocks.map(({ count }) => count)
  const due = apportion(done + batch, counts, counts)
  const ahead = stocks.map(({ next }, i) => Math.max(0, (due[i] ?? 0) - next))
  return apportion(batch, ahead, stocks.map(leftOf))
}

/** What each takes of a batch, by how fast it is; nobody who has samples goes without. */
export const takesBySpeed = (stocks: readonly Stock[], batch: number): number[] => {
  if (stocks.some(({ speed, count, next }) => speed === undefined && count > next))
    return apportion(batch, stocks.map(leftOf), stocks.map(leftOf))
  const least = stocks.map((stock) => (batch >= stocks.length ? Math.min(1, leftOf(stock)) : 0))
  const rest = batch - least.reduce((sum, one) => sum + one, 0)
  const more = apportion(
    rest,
    stocks.map(({ speed = 0 }) => speed),
    stocks.map((stock, i) => leftOf(stock) - (least[i] ?? 0)),
  )
  return least.map((one, i) => one + (more[i] ?? 0))
}

/** The same without parts of one sample, of which batch statistics cannot be taken: two in place of one, and no last one alone. */
export const withoutSingles = (takes: readonly number[], stocks: readonly Stock[]): number[] =>
  takes.map((take, i) => {
    const left = leftOf(stocks[i] ?? { count: 0, next: 0 })
    const pair = take === 1 ? Math.min(2, left) : take
    return pair > 0 && left - pair === 1 ? left : pair
  })

/** Steps that each makes in a round of which the most is `most`: in proportion, one at the least where it has samples. */
export const roundSteps = (stocks: readonly Stock[], by: 'speed' | 'remaining', most: number, batch: number): number[] => {
  const weights = stocks.map((stock) => (by === 'remaining' ? stock.count : leftOf(stock) > 0 ? stock.speed : 0))
  const known = weights.every((weight) => weight !== undefined)
  const top = Math.max(...weights.map((weight) => weight ?? 0), Number.MIN_VALUE)
  return stocks.map((stock, i) => {
    const wanted = known ? Math.max(1, Math.round((most * (weights[i] ?? 0)) / top)) : most
    return Math.min(wanted, stepsIn(leftOf(stock), batch))
  })
}

/** Batches of so many samples: a last one alone goes with the batch before. */
const stepsIn = (samples: number, batch: number): number => (samples % batch === 1 && samples > 1 && batch > 1 ? Math.floor(samples / batch) : Math.ceil(samples / batch)) // prettier-ignore
/** Samples that so many steps take. */
export const samplesIn = (steps: number, batch: number, left: number): number => (left - steps * batch <= 1 ? left : steps * batch)

/**
 * Keeps to what each takes for as long as it can: sessions are made for a size of batch, so sizes may not change from step to
 * step. They change when somebody has fewer samples left, when others are there, or when speeds have moved far enough.
 */
export class SteadyTakes {
  #members = ''
  #takes: readonly number[] = []
  #steps = 0

  of(names: readonly string[], stocks: readonly Stock[], batch: number): readonly number[] {
    const members = names.join('\n')
    const short = stocks.some((stock, i) => (this.#takes[i] ?? 0) > leftOf(stock))
    // After the first steps, in which sessions are made, and then now and then.
    const look = ++this.#steps === 3 || this.#steps % 16 === 0
    if (members === this.#members && !short && !look) return this.#takes
    const found = takesBySpeed(stocks, batch)
    const moved = found.some((take, i) => Math.abs(take - (this.#takes[i] ?? 0)) > Math.max(1, (this.#takes[i] ?? 0) / 5))
    if (members !== this.#members || short || moved) this.#takes = found
    if (members !== this.#members) this.#steps = 0
    this.#members = members
    return this.#takes
  }
}
