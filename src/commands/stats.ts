import { remoteOf } from '../core/remote.ts'
import type { HostStats } from '../core/self.ts'
import { site } from '../objects/site.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { humanBytes, print, table, toJson } from './output.ts'

const computeRows = (compute: HostStats['compute']): [string, string][] =>
  compute === undefined
    ? []
    : [
        ['compute processes', `${compute.processes}, of ${humanBytes(compute.memoryBytes)}`],
        ['died or ended in a run', `${compute.crashes} died, ${compute.kills} ended, ${compute.restarts} started again`],
        ...compute.quarantined.map(({ hash, reason, until }): [string, string] => ['refused model', `${hash}, until ${until}: ${reason}`]),
      ]

export const stats: Command = {
  name: 'stats',
  summary: 'Shows what a node is doing and has done.',
  usage: '',
  takes: 0,
  options: nodeOption,
  examples: ['active-storage stats', 'active-storage stats --json'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const now = await remoteOf(site, 'main', () => transport, { timeoutMs }).stats()
      if (args.flag('json')) return print(toJson(now))
      print(
        table([
          ['site', now.site],
          ['up', `${(now.uptimeMs / 1000).toFixed(0)} s`],
          ['calls under way', String(now.inFlight)],
          ['calls', String(now.calls)],
          ['failed', String(now.failures)],
          ['refused', String(now.refused)],
          ['fetched from peers', humanBytes(now.bytesFetched)],
          ['cached content', humanBytes(now.cacheBytes)],
          // A node of an earlier version does not tell.
          ...('sessions' in now ? [['open between calls', `${now.sessions} (${humanBytes(now.sessionBytes)})`] as const] : []),
          ['on their way to the disk', humanBytes(now.pendingBytes)],
          ['takes writes', now.writable ? 'yes' : 'no: its disk is full or read-only'],
          ['compute workers', String(now.workers)],
          ...computeRows(now.compute),
          ['memory (RSS)', humanBytes(now.rssBytes)],
          [
            'main thread held up',
            now.loopDelay === undefined ? 'unknown' : `${now.loopDelay.p99Ms} ms (p99), ${now.loopDelay.maxMs} ms at the most, in a minute`,
          ],
        ]),
      )
    }),
}
