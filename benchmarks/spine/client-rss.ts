import { setTimeout as pause } from 'node:timers/promises'
import type { Measurement } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { peakOf, rssOf, startChild, startNode, startScript } from '../support/processes.ts'
import { bareServer, noopSizes } from '../support/sides.ts'
import { differenceOf, median } from '../support/statistics.ts'

const RUNS = 10
const CALLS = 1000

export const clientRss: Measurement = {
  claims: ['client-rss'],
  about: `RSS of a client process after ${CALLS} no-op calls, less that of a bare grpc-js client after as many.`,
  async run() {
    await using node = await startNode()
    await using bare = await startScript(bareServer)
    const { request, answer } = noopSizes()
    const memoryOf = async (side: 'ours' | 'bare', address: string) => {
      await using client = await startChild([
        'benchmarks/support/calling-client.mjs',
        side,
        address,
        String(CALLS),
        String(request),
        String(answer),
      ])
      await pause(300)
      return { rss: rssOf(client.pid), peak: peakOf(client.pid) }
    }
    const rounds = await interleave(
      RUNS,
      { ours: () => memoryOf('ours', node.address), bare: () => memoryOf('bare', String(bare.first['address'])) },
      { warmUp: false },
    )
    const pairs = rounds.map((round) => ({ ours: round.ours.rss, baseline: round.bare.rss }))
    return [
      {
        id: 'client-rss',
        ...differenceOf(pairs),
        goal: { atMost: 12 },
        unit: 'MiB',
        details: {
          rss: median(rounds.map(({ ours }) => ours.rss)),
          bareRss: median(rounds.map((round) => round.bare.rss)),
          peak: median(rounds.map(({ ours }) => ours.peak)),
          barePeak: median(rounds.map((round) => round.bare.peak)),
        },
      },
    ]
  },
}
