import { setTimeout as pause } from 'node:timers/promises'
import type { Measurement } from '../support/claim.ts'
import { forgetPeak, peakOf, rssOf, rssParts } from '../support/processes.ts'
import { median, medianOf } from '../support/statistics.ts'
import { filledFolder, openCounters } from './stored.ts'

const OBJECTS = 1_000_000
const RUNS = 3

export const list1m: Measurement = {
  claims: ['list-1m', 'list-1m-rate'],
  about: `Listing ${OBJECTS} objects in pages of 1,000: the node's peak RSS beyond its level before, and objects/s. A new node each time.`,
  async run() {
    await using folder = await filledFolder(OBJECTS)
    const runs: { beyond: number; perSecond: number; anonymous: number; fileMapped: number }[] = []
    for (let run = 0; run < RUNS; run++) {
      await using sides = await openCounters([], { data: folder.data })
      const { client, node, counter } = sides
      await client.objects.list({ type: counter, limit: 1 })
      await pause(1500)
      const idle = rssOf(node.pid)
      const before = rssParts(node.pid)
      forgetPeak(node.pid)
      const began = performance.now()
      let listed = 0
      let after: string | undefined
      for (;;) {
        const page = await client.objects.list({ type: counter, limit: 1000, ...(after !== undefined && { after }) })
        const last = page.at(-1)
        if (last === undefined) break
        listed += page.length
        after = `${last.type}/${last.id}`
      }
      const seconds = (performance.now() - began) / 1000
      if (listed !== OBJECTS) throw new Error(`${listed} objects were listed`)
      const parts = rssParts(node.pid)
      runs.push({
        beyond: peakOf(node.pid) - idle,
        perSecond: listed / seconds,
        anonymous: parts.anonymous - before.anonymous,
        fileMapped: parts.fileMapped - before.fileMapped,
      })
    }
    const of = (field: 'beyond' | 'perSecond' | 'anonymous' | 'fileMapped') => runs.map((run) => run[field])
    return [
      {
        id: 'list-1m',
        ...medianOf(of('beyond')),
        goal: { atMost: 64 },
        unit: 'MiB',
        details: { anonymousAtEndMib: median(of('anonymous')), fileMappedAtEndMib: median(of('fileMapped')), runs: RUNS },
      },
      { id: 'list-1m-rate', ...medianOf(of('perSecond')), unit: '/s' },
    ]
  },
}
