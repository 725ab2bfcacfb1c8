/** Random numbers of one seed and purpose: the same on every machine, and independent of those of other purposes. */
export interface Draws {
  /** 0 up to, not including, 1. */
  next(): number
  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number
  /** A number from `least` up to `most`. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** As many bytes. */
  bytes(count: number): Buffer
}

/** FNV-1a, 32 bits. */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** The generator sfc32 (Doty-Humphrey, PractRand), seeded by the hash of its purpose. */
export const createDraws = (seed: number, purpose: string): Draws => {
  let [a, b, c, count] = [seed | 0, hashOf(purpose) | 0, hashOf(`${purpose}/${seed}`) | 0, 1]
  const word = (): number => {
    const sum = (((a + b) | 0) + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 16; round++) word()
  const next = () => word() / 2 ** 32
  const below = (most: number) => Math.floor(next() * most)
  return {
    next,
    below,
    between: (least, most) => least + next() * (most - least),
    chance: (probability) => next() < probability,
    pick: (list) => list[below(list.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  }
}
