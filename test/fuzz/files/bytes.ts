import type { Dice } from '../dice.ts'

/** A change of some bytes, by its name. */
export type Mutation<T = Buffer> = readonly [name: string, apply: (from: T, dice: Dice, others: readonly T[]) => T]

export const numbers: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 513, 1023, 4096, 32_767, 32_768, 65_535, 65_536, 1_000_000,
  2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1,
] // prettier-ignore

/** The bytes with those from a place on replaced. */
export const patched = (bytes: Buffer, at: number, by: Uint8Array): Buffer => {
  const out = Buffer.from(bytes)
  if (at < out.length) out.set(by.subarray(0, out.length - at), at)
  return out
}
export const replaced = (bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)])

const span = (bytes: Buffer, dice: Dice, most: number): readonly [number, number] => {
  const from = dice.below(bytes.length + 1)
  return [from, Math.min(bytes.length, from + 1 + dice.below(most))]
}

/** Changes that know nothing of a format. */
export const blindly: readonly Mutation[] = [
  [
    'bits flipped',
    (bytes, dice) => {
      const out = Buffer.from(bytes)
      for (let left = 1 + dice.below(4); left > 0 && out.length > 0; left--) {
        const at = dice.below(out.length)
        out[at] = out[at]! ^ (1 << dice.below(8))
      }
      return out
    },
  ],
  ['bytes replaced', (bytes, dice) => patched(bytes, dice.below(bytes.length), dice.bytes(1 + dice.below(8)))],
  ['cut off', (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1))],
  ['beginning lost', (bytes, dice) => bytes.subarray(dice.below(bytes.length + 1))],
  [
    'span removed',
    (bytes, dice) => {
      const [from, to] = span(bytes, dice, 64)
      return replaced(bytes, from, to, Buffer.alloc(0))
    },
  ],
  [
    'span doubled',
    (bytes, dice) => {
      const [from, to] = span(bytes, dice, 2000)
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
    },
  ],
  [
    'span of one byte',
    (bytes, dice) => {
      const [from, to] = span(bytes, dice, 600)
      return replaced(bytes, from, to, Buffer.alloc(to - from, dice.pick([0, 255, 32, 48, 128, 10])))
    },
  ],
  ['bytes inserted', (bytes, dice) => { const at = dice.below(bytes.length + 1); return replaced(bytes, at, at, dice.bytes(1 + dice.below(16))) }],
  [
    'spliced with another',
    (bytes, dice, others) => {
      const other = dice.pick(others)
      return Buffer.concat([bytes.subarray(0, dice.below(bytes.length + 1)), other.subarray(dice.below(other.length + 1))])
    },
  ],
  [
    'number replaced',
    (bytes, dice) => {
      const [size, little] = [dice.pick([1, 2, 4]), dice.oneIn(2)]
      const value = dice.pick(numbers) % 2 ** (8 * size)
      const written = Buffer.alloc(size)
      if (little) written.writeUIntLE(value, 0, size)
      else written.writeUIntBE(value, 0, size)
      return patched(bytes, dice.below(bytes.length), written)
    },
  ],
] // prettier-ignore

/** Applies up to some changes: more of those that know the format. */
export const mutated = <T>(
  from: T,
  { dice, own, blind = [], others }: { dice: Dice; own: readonly Mutation<T>[]; blind?: readonly Mutation<T>[]; others: readonly T[] },
): { readonly value: T; readonly names: readonly string[] } => {
  let value = from
  const names: string[] = []
  for (let left = dice.pick([1, 1, 1, 1, 2, 2, 3, 5]); left > 0; left--) {
    const [name, apply] = dice.pick(blind.length === 0 || !dice.oneIn(5) ? own : blind)
    value = apply(value, dice, others)
    names.push(name)
  }
  return { value, names }
}
