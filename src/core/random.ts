/**
 * Counter-based random numbers: a draw is a pure function of its key and counter, so an op gives the same values in
 * any process, in any order, at any time. Philox4x32-10: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
 * SC 2011; checked against the vectors published with it.
 */

import { failure } from './errors.ts'
import { rangeSliced } from './slices.ts'

const M0 = 0xd2511f53
const M1 = 0xcd9e8d57
const W0 = 0x9e3779b9
const W1 = 0xbb67ae85

/** High 32 bits of the product of two unsigned 32-bit numbers. */
const mulhi = (a: number, b: number): number => {
  const al = a & 0xffff
  const ah = a >>> 16
  const bl = b & 0xffff
  const bh = b >>> 16
  const middle = ah * bl + ((al * bl) >>> 16)
  const low = al * bh + (middle % 0x10000)
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0
}

export type Quad = readonly [number, number, number, number]

/** Four independent 32-bit unsigned integers for a counter of four words and a key of two. */
export const philox = (counter: Quad, key: readonly [number, number]): Quad => {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const h0 = mulhi(M0, c0)
    const l0 = Math.imul(M0, c0) >>> 0
    const h1 = mulhi(M1, c2)
    const l1 = Math.imul(M1, c2) >>> 0
    c0 = (h1 ^ c1 ^ k0) >>> 0
    c1 = l1
    c2 = (h0 ^ c3 ^ k1) >>> 0
    c3 = l0
    k0 = (k0 + W0) >>> 0
    k1 = (k1 + W1) >>> 0
  }
  return [c0, c1, c2, c3]
}

const encoder = new TextEncoder()

/** FNV-1a, 64 bits, of the text's UTF-8, as two 32-bit words [low, high]. */
export const hashText = (text: string): readonly [number, number] => {
  let [low, high] = [0x84222325, 0xcbf29ce4]
  for (const byte of encoder.encode(text)) {
    // Times 2^40 + 0x1b3: in doubles, which hold every sum here exactly, and a tenth of the time that bigints take.
    const word = (low ^ byte) >>> 0
    const product = word * 0x1b3
    low = product >>> 0
    high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + word * 256) % 2 ** 32
  }
  return [low, high]
}

/** A stream of draws from one key; it holds only its position. */
export interface Draws {
  /** A uniform number in [0, 1) with 32 random bits. */
  uniform(): number
  /** A uniform whole number in [0, bound), unbiased. `bound` is from 1 to 2^32. */
  below(bound: number): number
}

const drawsFrom = (key: readonly [number, number], block: (n: number) => Quad): Draws => {
  let position = 0
  let words: Quad = [0, 0, 0, 0]
  const next = (): number => {
    if (position % 4 === 0) words = philox(block(Math.floor(position / 4)), key)
    return words[position++ % 4] ?? 0
  }
  return {
    uniform: () => next() / 2 ** 32,
    below: (bound) => {
      if (!(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32))
        throw failure('invalid-argument', `a draw below ${bound}: the bound is a whole number from 1 to 2^32`)
      // Rejection keeps it unbiased: what lies past the last whole multiple of the bound is drawn again.
      const limit = 2 ** 32 - (2 ** 32 % bound)
      let word = next()
      while (word >= limit) word = next()
      return word % bound
    },
  }
}

const whole = (what: string, value: number, below: number): number => {
  if (Number.isInteger(value) && value >= 0 && value < below) return value
  throw failure('invalid-argument', `${what} ${value} is not a whole number from 0 and below ${below}`)
}

const seedKey = (seed: number): readonly [number, number] => {
  if (!Number.isSafeInteger(seed)) throw failure('invalid-argument', `seed ${seed} is not a whole number that a double holds exactly`)
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]
}

// The third counter word is the epoch below its top bit; the top bit keeps the epoch's order apart from the ops' draws.
const ORDER = 0x80000000
/** Epochs are below this. */
export const EPOCHS = 2 ** 31

// The fourth counter word is the op's index in its high 10 bits and the number of the block of four draws in the low 22.
const BLOCK_BITS = 22
/** The ops of a pipeline that may draw are below this. */
export const DRAWING_OPS = 2 ** (32 - BLOCK_BITS)
/** Draws that one op may make on one sample. */
export const DRAWS_PER_OP = 4 * 2 ** BLOCK_BITS

/**
 * The draws of one op on one sample: keyed by (seed, epoch, sample id, op index).
 * @throws `invalid-argument` for an epoch or op out of bounds, and `too-large` after DRAWS_PER_OP draws: two ops would
 * share their numbers without it.
 */
export const opDraws = (seed: number, epoch: number, sampleId: string, op: number): Draws => {
  const [low, high] = hashText(sampleId)
  const third = whole('epoch', epoch, EPOCHS)
  const fourth = whole('op', op, DRAWING_OPS) * 2 ** BLOCK_BITS
  return drawsFrom(seedKey(seed), (n) => {
    if (n >= 2 ** BLOCK_BITS) throw failure('too-large', `an op draws more than ${DRAWS_PER_OP} numbers for one sample`)
    return [low, high, third, fourth + n]
  })
}

/** A permutation of 0 .. count-1: a pure function of (seed, epoch, count). Fisher-Yates, from the last place down. */
export const permutation = async (seed: number, epoch: number, count: number): Promise<Uint32Array> => {
  const third = ORDER + whole('epoch', epoch, EPOCHS)
  const order = new Uint32Array(whole('count', count, 2 ** 32))
  await rangeSliced(count, (from, to) => {
    for (let index = from; index < to; index++) order[index] = index
  })
  const draws = drawsFrom(seedKey(seed), (n) => [n, 0, third, 0])
  const swaps = (from: number, to: number) => {
    for (let done = from; done < to; done++) {
      const last = count - 1 - done
      const other = draws.below(last + 1)
      const kept = order[last] ?? 0
      order[last] = order[other] ?? 0
      order[other] = kept
    }
  }
  await rangeSliced(count - 1, swaps, 8192)
  return order
}
