import { setTimeout as pause } from 'node:timers/promises'
import type { Measurement, Result } from '../support/claim.ts'
import { type Child, forgetPeak, MIB, peakOf, rssOf, startNode, startScript } from '../support/processes.ts'
import { bareServer, benchObjects } from '../support/sides.ts'
import { median, medianOf } from '../support/statistics.ts'

const RUNS = 5
const SIZE = 64
const LARGE = 1024
/** Transfers in a row, where what the collector has not taken yet shows. */
const ROW = 8
const client = new URL('../support/transfer-client.ts', import.meta.url)

type Way = 'up' | 'down'
interface Beyond {
  readonly client: number
  readonly node: number
}

/** Peak beyond idle and payload of both processes, new ones each time: what an earlier run left would hide it. */
const beyondOf = async (way: Way, mib: number, times: number, side: 'ours' | 'bare'): Promise<Beyond> => {
  await using server: Child = side === 'ours' ? await startNode(['--objects', benchObjects]) : await startScript(bareServer)
  await using caller = await startScript(client, [side, String(server.first['address'])])
  // Idle: what starting threw up has settled.
  await pause(300)
  const processes = [caller, server] as const
  const idle = processes.map(({ pid }) => rssOf(pid))
  for (const { pid } of processes) forgetPeak(pid)
  await caller.ask('transfer', { way, bytes: mib * MIB, times })
  const [atClient = 0, atNode = 0] = processes.map(({ pid }, index) => peakOf(pid) - (idle[index] ?? 0) - mib)
  return { client: atClient, node: atNode }
}

const repeated = async (runs: number, measure: () => Promise<Beyond>): Promise<readonly Beyond[]> => {
  const all: Beyond[] = []
  for (let run = 0; run < runs; run++) all.push(await measure())
  return all
}

const parts = ['client', 'node'] as const

export const tensorRss: Measurement = {
  claims: (['up', 'down'] as const).flatMap((way) =>
    parts.flatMap((part) => [`tensor-${way}-rss-${part}`, `tensor-1gib-${way}-rss-${part}`]),
  ),
  about:
    'Peak RSS beyond idle and payload while one tensor of 64 MiB (and once of 1 GiB) is sent, in new processes; bare grpc-js beside it.',
  async run() {
    const results: Result[] = []
    for (const way of ['up', 'down'] as const) {
      const ours: Beyond[] = []
      const bare: Beyond[] = []
      for (let run = 0; run < RUNS; run++) {
        ours.push(await beyondOf(way, SIZE, 1, 'ours'))
        bare.push(await beyondOf(way, SIZE, 1, 'bare'))
      }
      const row = await repeated(3, () => beyondOf(way, SIZE, ROW, 'ours'))
      const bareRow = await repeated(3, () => beyondOf(way, SIZE, ROW, 'bare'))
      const large = await beyondOf(way, LARGE, 1, 'ours')
      for (const part of parts) {
        const of = (all: readonly Beyond[]) => all.map((each) => each[part])
        results.push({
          id: `tensor-${way}-rss-${part}`,
          ...medianOf(of(ours)),
          goal: { atMost: 64 },
          unit: 'MiB',
          details: { bareMib: median(of(bare)), [`${ROW}InARowMib`]: median(of(row)), [`bare${ROW}InARowMib`]: median(of(bareRow)) },
        })
        results.push({
          id: `tensor-1gib-${way}-rss-${part}`,
          figure: large[part],
          low: large[part],
          high: large[part],
          goal: { atMost: 64 },
          unit: 'MiB',
          details: { runs: 1 },
        })
      }
    }
    return results
  },
}
