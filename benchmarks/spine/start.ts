import { spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Measurement } from '../support/claim.ts'
import { builtIndex, linkTo } from '../support/built.ts'
import { interleave } from '../support/interleave.ts'
import { rssOf, startNode } from '../support/processes.ts'
import { median, medianOf } from '../support/statistics.ts'

const STARTS = 12
/** Long enough for what starting allocated to be collected, if it ever is. */
const IDLE_MS = 1500

export const start: Measurement = {
  claims: ['start', 'node-idle-rss'],
  about:
    'The built command line tool as a node with --threads 2: from starting the process to the first call answered, and its RSS when idle; Node by itself beside it.',
  async run() {
    const { site } = await builtIndex()
    const rounds = await interleave(STARTS, {
      node: async () => {
        const began = performance.now()
        await using node = await startNode()
        const { transport, remoteOf } = await linkTo(node.address)
        await remoteOf(site, 'main', () => transport).echo()
        const servingMs = performance.now() - began
        await pause(IDLE_MS)
        const rss = rssOf(node.pid)
        await transport.close()
        return { servingMs, saidMs: node.startMs, rss }
      },
      empty: async () => {
        const began = performance.now()
        spawnSync(process.execPath, ['-e', '0'])
        return Promise.resolve({ servingMs: performance.now() - began, saidMs: 0, rss: 0 })
      },
    })
    const nodes = rounds.map(({ node }) => node)
    const serving = nodes.map(({ servingMs }) => servingMs)
    const details = {
      saidMs: median(nodes.map(({ saidMs }) => saidMs)),
      slowestMs: Math.max(...serving),
      emptyNodeMs: median(rounds.map(({ empty }) => empty.servingMs)),
    }
    return [
      { id: 'start', ...medianOf(serving), goal: { atMost: 700 }, unit: 'ms', details },
      {
        id: 'node-idle-rss',
        ...medianOf(nodes.map(({ rss }) => rss)),
        goal: { atMost: 120 },
        unit: 'MiB',
        details: { most: Math.max(...nodes.map(({ rss }) => rss)) },
      },
    ]
  },
}
