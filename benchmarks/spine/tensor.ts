import type { Measurement, Result } from '../support/claim.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { MIB } from '../support/processes.ts'
import { openSides } from '../support/sides.ts'
import { median, ratioOf } from '../support/statistics.ts'

const ROUNDS = 16
const TRANSFERS = 4
const BYTES = 64 * MIB

const mibPerSecond = async (transfer: () => Promise<number>): Promise<number> => {
  const began = performance.now()
  for (let made = 0; made < TRANSFERS; made++) {
    const bytes = await transfer()
    if (bytes !== BYTES) throw new Error(`${bytes} bytes arrived instead of ${BYTES}`)
  }
  return (TRANSFERS * BYTES) / MIB / ((performance.now() - began) / 1000)
}

export const tensor: Measurement = {
  claims: ['tensor-up', 'tensor-down'],
  about:
    'A tensor of 64 MiB as argument and as result: MiB/s, over bare grpc-js streaming messages of 1 MiB with the same window, gathered in one buffer.',
  async run() {
    await using sides = await openSides()
    const { Tensor } = sides.index
    const data = new Float32Array(BYTES / 4).fill(1.5)
    const sent = new Tensor('float32', data, [data.length])
    const raw = new Uint8Array(data.buffer)
    const resultOf = async (id: string, ours: () => Promise<number>, bare: () => Promise<number>): Promise<Result> => {
      const rounds = await interleave(ROUNDS, { ours: () => mibPerSecond(ours), bare: () => mibPerSecond(bare) })
      const [here, there] = (['ours', 'bare'] as const).map((side) => median(rounds.map((round) => round[side])))
      return {
        id,
        ...ratioOf(pairsOf(rounds, 'ours', 'bare')),
        goal: { atLeast: 0.8 },
        details: { mibPerSecond: here ?? 0, bareMibPerSecond: there ?? 0 },
      }
    }
    return [
      await resultOf(
        'tensor-up',
        () => sides.bench.take(sent),
        async () => (await sides.bare.up(raw)).bytes,
      ),
      await resultOf(
        'tensor-down',
        async () => (await sides.bench.give(BYTES)).byteLength,
        async () => (await sides.bare.down(BYTES)).byteLength,
      ),
    ]
  },
}
