import type { Measurement, Result } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { type Child, MIB, startScript } from '../support/processes.ts'
import { noopSizes, openSides } from '../support/sides.ts'
import { median, pooledQuantile, quantile } from '../support/statistics.ts'

const ROUNDS = 10
const WINDOW_MS = 3000
const BYTES = 64 * MIB
const transfers = new URL('../support/transfer-client.ts', import.meta.url)

interface Sample {
  readonly times: readonly number[]
  /** What the other caller moved meanwhile. */
  readonly mibPerSecond: number
}

/** Times of calls made one after the other while the other caller transfers. */
const beside = async (other: Child, way: 'up' | 'down', call: () => Promise<unknown>): Promise<Sample> => {
  await other.ask('loop', { way, bytes: BYTES })
  const began = performance.now()
  const times: number[] = []
  while (performance.now() - began < WINDOW_MS) {
    const from = performance.now()
    await call()
    times.push(performance.now() - from)
  }
  const { made } = await other.ask('rest')
  return { times, mibPerSecond: (Number(made) * BYTES) / MIB / ((performance.now() - began) / 1000) }
}

export const noopP99: Measurement = {
  claims: ['noop-p99-up', 'noop-p99-down'],
  about: 'No-op calls while another process loops 64 MiB transfers: p99 in ms; bare grpc-js, disturbed by bare transfers, beside it.',
  async run() {
    await using sides = await openSides()
    await using other = await startScript(transfers, ['ours', sides.node.address])
    await using otherBare = await startScript(transfers, ['bare', sides.bareAddress])
    const { request, answer } = noopSizes()
    const data = Buffer.alloc(request, 1)
    const results: Result[] = []
    for (const [way, atMost] of [
      ['up', 40],
      ['down', 60],
    ] as const) {
      const rounds = await interleave(ROUNDS, {
        ours: () => beside(other, way, () => sides.site.echo()),
        bare: () => beside(otherBare, way, () => sides.bare.echo(data, answer)),
      })
      const ours = rounds.map((round) => round.ours.times)
      const bare = rounds.map((round) => round.bare.times)
      results.push({
        id: `noop-p99-${way}`,
        ...pooledQuantile(ours, 0.99),
        goal: { atMost },
        unit: 'ms',
        details: {
          p50: quantile(ours.flat(), 0.5),
          max: Math.max(...ours.flat()),
          calls: ours.flat().length,
          mibPerSecond: median(rounds.map((round) => round.ours.mibPerSecond)),
          bareP99: quantile(bare.flat(), 0.99),
          bareP50: quantile(bare.flat(), 0.5),
          bareMibPerSecond: median(rounds.map((round) => round.bare.mibPerSecond)),
        },
      })
    }
    return results
  },
}
