import { opDraws } from '../../src/core/random.ts'

/** Draws for one message: the same for the same seed and index, whatever came before it. */
export interface Dice {
  below(bound: number): number
  /** True once in `n` times. */
  oneIn(n: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(count: number): Buffer
}

export const diceFor = (seed: number, index: number): Dice => {
  const draws = opDraws(seed, 0, `wire ${index}`, 0)
  const below = (bound: number) => draws.below(Math.max(1, bound))
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
  }
}
