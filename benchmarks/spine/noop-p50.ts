import type { Measurement } from '../support/claim.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { noopSizes, openSides } from '../support/sides.ts'
import { median, quantile, ratioOf } from '../support/statistics.ts'

const ROUNDS = 24
const CALLS = 250

const p50 = async (call: () => Promise<unknown>): Promise<number> => {
  const times: number[] = []
  for (let made = 0; made < CALLS; made++) {
    const began = performance.now()
    await call()
    times.push(performance.now() - began)
  }
  return quantile(times, 0.5)
}

export const noopP50: Measurement = {
  claims: ['noop-p50', 'noop-p50-link'],
  about:
    'No-op call over loopback, one after the other: p50 of site.echo placed on the node, over a bare grpc-js unary call of the same size.',
  async run() {
    await using sides = await openSides()
    const { request, answer } = noopSizes()
    const data = Buffer.alloc(request, 1)
    const rounds = await interleave(ROUNDS, {
      client: () => p50(() => sides.site.echo()),
      bare: () => p50(() => sides.bare.echo(data, answer)),
      link: () => p50(() => sides.linkSite.echo()),
    })
    const [client, link, bare] = (['client', 'link', 'bare'] as const).map((side) => median(rounds.map((round) => round[side])))
    return [
      {
        id: 'noop-p50',
        ...ratioOf(pairsOf(rounds, 'client', 'bare')),
        goal: { atMost: 1.4 },
        details: { clientMs: client ?? 0, bareMs: bare ?? 0, requestBytes: request, answerBytes: answer },
      },
      { id: 'noop-p50-link', ...ratioOf(pairsOf(rounds, 'link', 'bare')), details: { linkMs: link ?? 0 } },
    ]
  },
}
