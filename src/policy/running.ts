/** Samples whose lower third is the estimate before there are enough for a moving average. */
const EARLY = 5
const WEIGHT = 0.2
/** A sample counts as this many spreads away at the most, so that one stall cannot move the estimate far. */
const CLIP = 3

/**
 * A moving estimate of one noisy quantity. The first sample is a warm-up (a session is loaded, a connection made): it
 * stands only until a second arrives, and is then forgotten. The next few are held and their lower third taken, since
 * each worker of a pool has a warm-up of its own; from then on it is a moving average with outliers clipped.
 */
export class Running {
  readonly #least: number
  #warmUp: number | undefined
  #early: number[] = []
  #mean = 0
  #spread = 0
  #count = 0

  /** @param least the spread that is assumed at the least, in the quantity's own unit. */
  constructor(least: number) {
    this.#least = least
  }

  /** Samples behind the estimate; the warm-up is none. */
  get count(): number {
    return this.#count
  }

  /** The estimate: the warm-up while there is nothing better, undefined before that. */
  get value(): number | undefined {
    return this.#count === 0 ? this.#warmUp : this.#mean
  }

  /** Mean distance of a sample from the estimate. */
  get spread(): number {
    return Math.max(this.#spread, this.#least)
  }

  /** How far the estimate itself may be off: a moving average with weight w has w / (2 - w) of a sample's variance. */
  get error(): number {
    return this.spread * Math.sqrt(Math.max(1 / Math.max(1, this.#count), WEIGHT / (2 - WEIGHT)))
  }

  add(sample: number): void {
    if (this.#warmUp === undefined) {
      this.#warmUp = sample
      return
    }
    this.#count++
    if (this.#count > EARLY) {
      const away = sample - this.#mean
      const clipped = Math.min(Math.max(away, -CLIP * this.spread), CLIP * this.spread)
      this.#mean += WEIGHT * clipped
      this.#spread += WEIGHT * (Math.abs(clipped) - this.#spread)
      return
    }
    this.#early.push(sample)
    // What disturbs a sample makes it greater, and at the start it is often disturbed: hence the lower third.
    this.#mean = quantile(this.#early, 1 / 3)
    this.#spread = quantile(
      this.#early.map((one) => Math.abs(one - this.#mean)),
      1 / 2,
    )
    if (this.#count === EARLY) this.#early = []
  }
}

const quantile = (samples: readonly number[], share: number): number =>
  samples.toSorted((a, b) => a - b)[Math.floor((samples.length - 1) * share)] ?? 0

/** A `Running` on the log scale, for what varies by factors: times and sizes per unit. */
export class LogRunning {
  // A spread of 2 % at the least: steadier than any machine is.
  readonly #log = new Running(0.02)

  get count(): number {
    return this.#log.count
  }
  get value(): number | undefined {
    return this.#log.value === undefined ? undefined : Math.exp(this.#log.value)
  }
  /** As a fraction of the value. */
  get error(): number {
    return this.#log.error
  }
  get spread(): number {
    return this.#log.spread
  }
  add(sample: number): void {
    // Zero has no logarithm; a picosecond per unit is as good as nothing.
    this.#log.add(Math.log(Math.max(sample, 1e-9)))
  }
}
