import { opDraws } from '../../src/core/random.ts'

/** Draws for one message: the same for the same seed and index, whatever came before it. */
export interface Dice {
  below(bound: number): number
  /** True once in `n` times. */
  oneIn(n: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(count: number): Buffer
}

/** @param of keeps the draws of different kinds of input apart */
export const diceFor = (seed: number, index: number, of = 'wire'): Dice => {
  const draws = opDraws(seed, 0, `${of} ${index}`, 0)
  const below = (bound: number) => draws.below(Math.max(1, bound))
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
  }
}
