import type { Measurement } from '../support/claim.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { median, medianOf, ratioOf } from '../support/statistics.ts'
import { counterId } from './counter-id.ts'
import { filledFolder, openCounters } from './stored.ts'

const OBJECTS = 100_000
const RESTARTS = 7
const CALLERS = 64
/** Each another object. */
const READS = 20_000
/** Of these, the first: before V8 has compiled what a call runs through. */
const FIRST = 2000

type Sides = Awaited<ReturnType<typeof openCounters>>

/** Makes so many calls, 64 at a time. @returns calls/s of all and of the first */
const perSecond = async (call: (nth: number) => Promise<void>) => {
  const began = performance.now()
  let next = 0
  let done = 0
  let first = 0
  const caller = async () => {
    while (next < READS) {
      await call(next++)
      if (++done === FIRST) first = (FIRST * 1000) / (performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return { rate: (READS * 1000) / (performance.now() - began), first }
}

/** A node that is killed in the middle of a change: what the next start finds. */
const killBusy = async ({ client, counter, node }: Sides) => {
  const changed = client.object(counter, 'changing')
  const changing = Array.from({ length: CALLERS }, () => changed.add().catch(() => undefined))
  await changing[0]
  await node.kill()
  await Promise.all(changing)
}

export const restart: Measurement = {
  claims: ['restart-100k', 'load-after-restart', 'load-after-restart-noop'],
  about: `A node with ${OBJECTS} objects is killed (-9) and started again: ms from starting the process to the first call answered, and then reads/s of ${READS} distinct objects, ${CALLERS} in flight; as many no-op calls after another such start beside it.`,
  async run() {
    await using folder = await filledFolder(OBJECTS)
    const started = async (calls: (sides: Sides) => Promise<{ rate: number; first: number }>) => {
      const began = performance.now()
      await using sides = await openCounters([], { data: folder.data })
      await sides.client.object(sides.counter, counterId(OBJECTS - 1)).count()
      const answeredMs = performance.now() - began
      const made = await calls(sides)
      await killBusy(sides)
      return { answeredMs, saidMs: sides.node.startMs, ...made }
    }
    const rounds = await interleave(RESTARTS, {
      read: () =>
        started(({ client, counter }) =>
          perSecond(async (nth) => {
            // All over the store: the step has no divisor in common with the number of objects.
            const object = (nth * 61_803) % OBJECTS
            const count = await client.object(counter, counterId(object)).count()
            if (count !== object) throw new Error(`${counterId(object)} has the count ${count}`)
          }),
        ),
      noop: () =>
        started(({ site }) =>
          perSecond(async () => {
            await site.echo()
          }),
        ),
    })
    const starts = rounds.flatMap(({ read, noop }) => [read, noop])
    const answered = starts.map(({ answeredMs }) => answeredMs)
    const reads = rounds.map(({ read }) => read)
    const noops = rounds.map(({ noop }) => noop)
    const rates = rounds.map(({ read, noop }) => ({ read: read.rate, noop: noop.rate }))
    return [
      {
        id: 'restart-100k',
        ...medianOf(answered),
        goal: { atMost: 700 },
        unit: 'ms',
        details: { saidMs: median(starts.map(({ saidMs }) => saidMs)), slowestMs: Math.max(...answered) },
      },
      {
        id: 'load-after-restart',
        ...medianOf(reads.map(({ rate }) => rate)),
        goal: { atLeast: 3000 },
        unit: '/s',
        details: {
          [`first${FIRST}PerSecond`]: median(reads.map(({ first }) => first)),
          noopPerSecond: median(noops.map(({ rate }) => rate)),
          [`first${FIRST}NoopPerSecond`]: median(noops.map(({ first }) => first)),
        },
      },
      { id: 'load-after-restart-noop', ...ratioOf(pairsOf(rates, 'read', 'noop')) },
    ]
  },
}
