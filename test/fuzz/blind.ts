import type { Dice } from './dice.ts'

const places = (dice: Dice, length: number): [number, number] => {
  const a = dice.below(length + 1)
  // Mostly short stretches, so that the rest stays meaningful.
  return [a, Math.min(length, a + dice.below(dice.oneIn(4) ? length + 1 : 16))]
}

/** Damage that knows nothing of what the bytes mean. */
export const blind = (dice: Dice, bytes: Buffer): Buffer => {
  if (bytes.length === 0) return dice.bytes(dice.below(16))
  const [from, to] = places(dice, bytes.length)
  switch (dice.below(7)) {
    case 0: {
      const out = Buffer.from(bytes)
      for (let flips = 1 + dice.below(8); flips > 0; flips--) {
        const at = dice.below(out.length)
        out[at] = (out[at] ?? 0) ^ (1 << dice.below(8))
      }
      return out
    }
    case 1:
      return bytes.subarray(0, from)
    case 2:
      return bytes.subarray(from)
    case 3:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)])
    case 4:
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
    case 5:
      return Buffer.concat([bytes.subarray(0, from), dice.bytes(1 + dice.below(16)), bytes.subarray(to)])
    default: {
      const out = Buffer.from(bytes)
      out.fill(dice.pick([0, 255, 127, 128]), from, to)
      return out
    }
  }
}

/** The head of one and the tail of another. */
export const splice = (dice: Dice, one: Buffer, other: Buffer): Buffer =>
  Buffer.concat([one.subarray(0, dice.below(one.length + 1)), other.subarray(dice.below(other.length + 1))])
