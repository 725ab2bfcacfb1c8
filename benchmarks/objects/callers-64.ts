import type { Measurement } from '../support/claim.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { callsPerSecond } from '../support/rate.ts'
import { median, medianOf, ratioOf } from '../support/statistics.ts'
import { diskSyncs } from './disk-syncs.ts'
import { openCounters } from './stored.ts'

const ROUNDS = 12
const CALLERS = 64
const WINDOW_MS = 800
const SYNCS_MS = 250

export const callers64: Measurement = {
  claims: ['durable-64', 'durable-64-noop', 'disk-syncs', 'async-64'],
  about:
    'Stateful calls of 64 callers on 64 counters: calls/s with each change on disk before the reply, and the ratio to no-op calls without waiting for the disk.',
  async run() {
    await using sides = await openCounters()
    const { client, index, site, counter } = sides
    const counters = Array.from({ length: CALLERS }, (_, caller) => client.object(counter, `counter-${caller}`))
    const hasty = counters.map((remote) => index.withCall(remote, { durability: 'async' }))
    for (const remote of counters) await remote.add()
    const load = { callers: CALLERS, ms: WINDOW_MS }
    const rounds = await interleave(ROUNDS, {
      durable: () => callsPerSecond(load, (caller) => counters[caller]!.add()),
      noop: () => callsPerSecond(load, () => site.echo()),
      async: async () => {
        const rate = await callsPerSecond(load, (caller) => hasty[caller]!.add())
        await client.flush()
        return rate
      },
      syncs: () => Promise.resolve(diskSyncs(sides.node.data, SYNCS_MS)),
    })
    const of = (side: 'durable' | 'noop' | 'async' | 'syncs') => rounds.map((round) => round[side])
    const durable = of('durable')
    return [
      {
        id: 'durable-64',
        ...medianOf(durable),
        goal: { atLeast: 2000 },
        unit: '/s',
        details: { noopPerSecond: median(of('noop')), slowest: Math.min(...durable) },
      },
      { id: 'durable-64-noop', ...ratioOf(pairsOf(rounds, 'durable', 'noop')) },
      { id: 'disk-syncs', ...medianOf(of('syncs')), unit: '/s', details: { slowest: Math.min(...of('syncs')) } },
      {
        id: 'async-64',
        ...ratioOf(pairsOf(rounds, 'async', 'noop')),
        goal: { atLeast: 0.8 },
        details: { asyncPerSecond: median(of('async')), noopPerSecond: median(of('noop')) },
      },
    ]
  },
}
