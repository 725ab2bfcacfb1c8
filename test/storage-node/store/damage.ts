import { PAGE } from '../../../src/storage-node/store/lmdb-pages.ts'
import { diceFor } from '../../fuzz/dice.ts'

const blockOf = (page: number) => [page * PAGE, (page + 1) * PAGE] as const

/** A copy of a store's file with one damage: what failing disks do to blocks, and single bytes where LMDB's own words stand. */
export const damage = (whole: Buffer, seed: number): Buffer => {
  const { below, pick, bytes } = diceFor(seed, 0)
  const damaged = Buffer.from(whole)
  const pages = Number(whole.readBigUInt64LE(144)) // behind them is room that is not in use yet
  const at = below(pages) * PAGE
  const words = at + 16 + below(60) // kind and bounds of a page, and where its first entries are
  const ways = [
    () => damaged.fill(0xff, at, at + PAGE),
    () => bytes(PAGE).copy(damaged, at),
    () => whole.copy(damaged, at, ...blockOf(below(pages))),
    () => damaged.writeUInt8(damaged.readUInt8(words) ^ (1 << below(8)), words),
    () => bytes(4).copy(damaged, words),
    // The first two pages lead to all others.
    () => damaged.writeUInt8(below(256), pick([0, PAGE]) + below(160)),
  ]
  pick(ways)()
  return damaged
}
