/** A number in [0, 1) from a seed: the intervals of one set of samples come out the same every time. */
const randomOf = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The value below which `part` of the samples lie, between neighbours where it falls between them. */
export const quantile = (samples: readonly number[], part: number): number => {
  const sorted = Float64Array.from(samples).sort()
  const at = (sorted.length - 1) * part
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/** A figure with its 95 % interval. */
export interface Estimate {
  readonly figure: number
  readonly low: number
  readonly high: number
}

const RESAMPLES = 4000

/** The percentile interval of any statistic, by drawing whole rounds again: what one round shares stays together. */
export const bootstrap = <Round>(
  rounds: readonly Round[],
  statistic: (rounds: readonly Round[]) => number,
  resamples = RESAMPLES,
): Estimate => {
  const random = randomOf(rounds.length)
  const figures = Array.from({ length: resamples }, () => statistic(rounds.map(() => rounds[Math.floor(random() * rounds.length)]!)))
  return { figure: statistic(rounds), low: quantile(figures, 0.025), high: quantile(figures, 0.975) }
}

/** One round's figures of both sides. */
export interface Pair {
  readonly ours: number
  readonly baseline: number
}

/** Ours over the baseline: the median of the rounds' own ratios, so that a machine that slows down slows both. */
export const ratioOf = (pairs: readonly Pair[]): Estimate =>
  bootstrap(pairs, (drawn) => Math.exp(median(drawn.map(({ ours, baseline }) => Math.log(ours / baseline)))))

/** Ours less the baseline, by the medians. */
export const differenceOf = (pairs: readonly Pair[]): Estimate =>
  bootstrap(pairs, (drawn) => median(drawn.map(({ ours }) => ours)) - median(drawn.map(({ baseline }) => baseline)))

export const medianOf = (samples: readonly number[]): Estimate => bootstrap(samples, median)

/** A quantile over all samples of all rounds. */
export const pooledQuantile = (rounds: readonly (readonly number[])[], part: number): Estimate =>
  bootstrap(rounds, (drawn) => quantile(drawn.flat(), part), 500)
