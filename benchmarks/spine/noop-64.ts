import type { Measurement } from '../support/claim.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { noopSizes, openSides } from '../support/sides.ts'
import { median, ratioOf } from '../support/statistics.ts'

const ROUNDS = 16
const CALLERS = 64
const WINDOW_MS = 800

const callsPerSecond = async (call: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  let made = 0
  const caller = async () => {
    while (performance.now() - began < WINDOW_MS) {
      await call()
      made++
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return (made * 1000) / (performance.now() - began)
}

export const noop64: Measurement = {
  claims: ['noop-64', 'noop-64-link'],
  about:
    'No-op calls of 64 callers at once: calls/s placed on the node, over bare grpc-js unary calls of the same size, deadline and trailer.',
  async run() {
    await using sides = await openSides()
    const { request, answer } = noopSizes()
    const data = Buffer.alloc(request, 1)
    const rounds = await interleave(ROUNDS, {
      client: () => callsPerSecond(() => sides.site.echo()),
      bare: () => callsPerSecond(() => sides.bare.echo(data, answer)),
      link: () => callsPerSecond(() => sides.linkSite.echo()),
    })
    const [client, link, bare] = (['client', 'link', 'bare'] as const).map((side) => median(rounds.map((round) => round[side])))
    return [
      {
        id: 'noop-64',
        ...ratioOf(pairsOf(rounds, 'client', 'bare')),
        goal: { atLeast: 0.75 },
        details: { clientPerSecond: client ?? 0, barePerSecond: bare ?? 0 },
      },
      { id: 'noop-64-link', ...ratioOf(pairsOf(rounds, 'link', 'bare')), details: { linkPerSecond: link ?? 0 } },
    ]
  },
}
