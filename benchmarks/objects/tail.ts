import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { bareClient } from '../support/bare-grpc.ts'
import type { Measurement } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { startScript } from '../support/processes.ts'
import { bareServer, noopSizes } from '../support/sides.ts'
import { bootstrap, pooledQuantile, quantile } from '../support/statistics.ts'
import { openCounters } from './stored.ts'

const ROUNDS = 20
/** Of each side in a round: 10,000 in all. */
const CALLS = 500
const INCREMENTS = 150
const PAGE = Buffer.alloc(4096, 1)

const timed = async (calls: number, call: () => Promise<unknown>): Promise<number[]> => {
  const times: number[] = []
  for (let made = 0; made < calls; made++) {
    const began = performance.now()
    await call()
    times.push(performance.now() - began)
  }
  return times
}

/** Milliseconds of each of so many writes of one page, each synced, one after the other. */
const syncTimes = (folder: string, count: number): number[] => {
  const file = join(folder, 'bench-syncs')
  const fd = openSync(file, 'w')
  try {
    return Array.from({ length: count }, () => {
      const began = performance.now()
      writeSync(fd, PAGE, 0, PAGE.length, 0)
      fdatasyncSync(fd)
      return performance.now() - began
    })
  } finally {
    closeSync(fd)
    rmSync(file)
  }
}

type Round = Readonly<Record<'read' | 'bare' | 'add' | 'syncs', readonly number[]>>

/** Quantile of all samples of one side over the same quantile of the other's. */
const ratioAt = (rounds: readonly Round[], part: number) =>
  bootstrap(
    rounds,
    (drawn) =>
      quantile(
        drawn.flatMap(({ read }) => read),
        part,
      ) /
      quantile(
        drawn.flatMap(({ bare }) => bare),
        part,
      ),
    500,
  )

export const tail: Measurement = {
  claims: ['readonly-p50', 'readonly-p99', 'increment-p99', 'disk-sync-p99'],
  about:
    'One caller, one call after the other: p50 and p99 of 10,000 readonly calls on a stored object over as many bare grpc-js calls ' +
    'of the same size, and p99 of durable increments beyond twice that of the disk (a page written and synced).',
  async run() {
    await using sides = await openCounters()
    await using bareProcess = await startScript(bareServer)
    const bare = bareClient(String(bareProcess.first['address']))
    try {
      const { request, answer } = noopSizes()
      const data = Buffer.alloc(request, 1)
      const counter = sides.client.object(sides.counter, 'counter-0')
      await counter.add()
      const rounds: readonly Round[] = await interleave(ROUNDS, {
        read: () => timed(CALLS, () => counter.count()),
        bare: () => timed(CALLS, () => bare.echo(data, answer)),
        add: () => timed(INCREMENTS, () => counter.add()),
        syncs: () => Promise.resolve(syncTimes(sides.node.data, INCREMENTS)),
      })
      const p = (side: keyof Round, part: number) => quantile(rounds.map((round) => round[side]).flat(), part)
      const syncP99 = p('syncs', 0.99)
      const of = (side: 'read' | 'bare') => ({
        [`${side}P50`]: p(side, 0.5),
        [`${side}P99`]: p(side, 0.99),
        [`${side}P999`]: p(side, 0.999),
      })
      return [
        { id: 'readonly-p50', ...ratioAt(rounds, 0.5), goal: { atMost: 1.3 }, details: { ...of('read'), ...of('bare') } },
        { id: 'readonly-p99', ...ratioAt(rounds, 0.99), goal: { atMost: 1.5 } },
        {
          id: 'increment-p99',
          ...pooledQuantile(
            rounds.map(({ add }) => add),
            0.99,
          ),
          unit: 'ms',
          goal: { atMost: 2 * syncP99 + 1 },
          details: { addP50: p('add', 0.5) },
        },
        {
          id: 'disk-sync-p99',
          ...pooledQuantile(
            rounds.map(({ syncs }) => syncs),
            0.99,
          ),
          unit: 'ms',
          details: { syncP50: p('syncs', 0.5) },
        },
      ]
    } finally {
      bare.close()
    }
  },
}
