/**
 * Counter-based random numbers: a draw is a pure function of its key and counter, so an op gives the same values in
 * any process, in any order, at any time. Philox4x32-10: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
 * SC 2011; checked against the vectors published with it.
 */

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

/** FNV-1a, 64 bits, of the text's UTF-8, as two 32-bit words [low, high]. */
export const hashText = (text: string): readonly [number, number] => {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return [Number(hash & 0xffffffffn), Number(hash >> 32n)]
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
      // Rejection keeps it unbiased: what lies past the last whole multiple of the bound is drawn again.
      const limit = 2 ** 32 - (2 ** 32 % bound)
      let word = next()
      while (word >= limit) word = next()
      return word % bound
    },
  }
}

const seedKey = (seed: number): readonly [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]

// The top byte of the third counter word keeps apart the streams of the epoch order and of the ops.
const ORDER = 0x80000000

/** The draws of one op on one sample: keyed by (seed, epoch, sample id, op index). `epoch` and `op` are below 2^16. */
export const opDraws = (seed: number, epoch: number, sampleId: string, op: number): Draws => {
  const [low, high] = hashText(sampleId)
  return drawsFrom(seedKey(seed), (n) => [low, high, (epoch & 0x7fffffff) >>> 0, ((op << 16) | n) >>> 0])
}

/** A permutation of 0 .. count-1: a pure function of (seed, epoch, count). Fisher-Yates, from the last place down. */
export const permutation = (seed: number, epoch: number, count: number): Uint32Array => {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  const draws = drawsFrom(seedKey(seed), (n) => [n >>> 0, 0, (ORDER | epoch) >>> 0, 0])
  for (let last = count - 1; last > 0; last--) {
    const other = draws.below(last + 1)
    const kept = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = kept
  }
  return order
}
