import type { Measurement } from '../support/claim.ts'
import { median, medianOf } from '../support/statistics.ts'
import { callsPerSecond } from '../support/rate.ts'
import { counterId } from './counter-id.ts'
import { filledFolder, openCounters } from './stored.ts'

const OBJECTS = 100_000
const RESTARTS = 9
const CALLERS = 64
const WINDOW_MS = 1500

export const restart: Measurement = {
  claims: ['restart-100k', 'load-after-restart'],
  about: `A node with ${OBJECTS} objects is killed (-9) and started again: ms from starting the process to the first call answered, and then reads/s of distinct objects, ${CALLERS} in flight.`,
  async run() {
    await using folder = await filledFolder(OBJECTS)
    const firstAnswers: number[] = []
    const saidMs: number[] = []
    const rates: number[] = []
    for (let round = -1; round < RESTARTS; round++) {
      const began = performance.now()
      const sides = await openCounters([], { data: folder.data })
      try {
        const { client, counter, node } = sides
        const read = (nth: number) => client.object(counter, counterId(nth)).count()
        await read(OBJECTS - 1)
        const firstAnswer = performance.now() - began
        // All over the store, each object once.
        let next = 0
        const rate = await callsPerSecond({ callers: CALLERS, ms: WINDOW_MS }, async () => {
          const nth = (next++ * 61_803) % OBJECTS
          if ((await read(nth)) !== nth) throw new Error(`${counterId(nth)} has another count`)
        })
        if (next > OBJECTS) throw new Error(`more than ${OBJECTS} reads: no longer distinct objects`)
        // A store as it is left in the middle of things: the counter that changes is none of those that are read.
        const changed = client.object(counter, 'changing')
        const changing = Array.from({ length: CALLERS }, () => changed.add().catch(() => undefined))
        await changing[0]
        await node.kill()
        await Promise.all(changing)
        if (round < 0) continue
        firstAnswers.push(firstAnswer)
        saidMs.push(node.startMs)
        rates.push(rate)
      } finally {
        await sides[Symbol.asyncDispose]()
      }
    }
    return [
      {
        id: 'restart-100k',
        ...medianOf(firstAnswers),
        goal: { atMost: 700 },
        unit: 'ms',
        details: { saidMs: median(saidMs), slowestMs: Math.max(...firstAnswers) },
      },
      { id: 'load-after-restart', ...medianOf(rates), goal: { atLeast: 3000 }, unit: '/s', details: { slowest: Math.min(...rates) } },
    ]
  },
}
