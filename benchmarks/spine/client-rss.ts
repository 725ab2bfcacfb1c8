import { setTimeout as pause } from 'node:timers/promises'
import type { Measurement } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { peakOf, rssOf, startChild, startNode, startScript } from '../support/processes.ts'
import { bareServer, noopSizes } from '../support/sides.ts'
import { differenceOf, median } from '../support/statistics.ts'

const RUNS = 7
/** Enough that both have V8's young generation at its full size: it grows in doublings, which fall at different calls. */
const CALLS = 10_000
const EARLY_CALLS = 1000

export const clientRss: Measurement = {
  claims: ['client-rss', 'client-rss-early'],
  about: `RSS of a client process after ${CALLS} no-op calls (early: ${EARLY_CALLS}), less that of a bare grpc-js client after as many.`,
  async run() {
    await using node = await startNode()
    await using bare = await startScript(bareServer)
    const { request, answer } = noopSizes()
    const addresses = { ours: node.address, bare: String(bare.first['address']) }
    const memoryOf = async (side: 'ours' | 'bare', calls: number) => {
      const told = [calls, request, answer].map(String)
      await using client = await startChild(['benchmarks/support/calling-client.mjs', side, addresses[side], ...told])
      await pause(300)
      return { rss: rssOf(client.pid), peak: peakOf(client.pid) }
    }
    const rounds = await interleave(
      RUNS,
      {
        ours: () => memoryOf('ours', CALLS),
        bare: () => memoryOf('bare', CALLS),
        oursEarly: () => memoryOf('ours', EARLY_CALLS),
        bareEarly: () => memoryOf('bare', EARLY_CALLS),
      },
      { warmUp: false },
    )
    const medians = (side: 'ours' | 'bare' | 'oursEarly' | 'bareEarly') => ({
      rss: median(rounds.map((round) => round[side].rss)),
      peak: median(rounds.map((round) => round[side].peak)),
    })
    const difference = (ours: 'ours' | 'oursEarly', baseline: 'bare' | 'bareEarly') => ({
      ...differenceOf(rounds.map((round) => ({ ours: round[ours].rss, baseline: round[baseline].rss }))),
      unit: 'MiB' as const,
      details: { rss: medians(ours).rss, bareRss: medians(baseline).rss, peak: medians(ours).peak, barePeak: medians(baseline).peak },
    })
    return [
      { id: 'client-rss', ...difference('ours', 'bare'), goal: { atMost: 12 } },
      { id: 'client-rss-early', ...difference('oursEarly', 'bareEarly') },
    ]
  },
}
