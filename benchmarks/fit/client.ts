import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Measurement } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { numberIn } from '../support/lines.ts'
import { peakOf, startChild, startScript } from '../support/processes.ts'
import { bareServer, noopSizes } from '../support/sides.ts'
import { differenceOf, median } from '../support/statistics.ts'
import { cifarNode, perceptron, plan, spec } from './material.ts'

const RUNS = 5

export const fitClient: Measurement = {
  claims: ['fit-client-rss'],
  about:
    'Peak RSS of a client process while a node trains a perceptron on a tenth of CIFAR-10 (JPEG), less that of a bare grpc-js client after as many calls as it made and reports as it got.',
  async run() {
    await using there = await cifarNode()
    await using bare = await startScript(bareServer)
    const folder = await mkdtemp(join(tmpdir(), 'active-storage-bench-'))
    try {
      await writeFile(join(folder, 'model.onnx'), perceptron(32))
      await writeFile(join(folder, 'plan.json'), JSON.stringify({ trainer: spec, fit: plan({ epochs: 2, share: 0.1, cache: 'decoded' }) }))
      const { request, answer } = noopSizes()
      let calls = 0
      const rounds = await interleave(
        RUNS,
        {
          ours: async () => {
            await using client = await startChild(['benchmarks/support/training-client.mjs', there.node.address, folder])
            const told = await client.ask('train')
            calls = numberIn(told, 'calls') + numberIn(told, 'reports')
            return peakOf(client.pid)
          },
          bare: async () => {
            const told = [calls || 20, request, answer].map(String)
            await using client = await startChild(['benchmarks/support/calling-client.mjs', 'bare', String(bare.first['address']), ...told])
            return peakOf(client.pid)
          },
        },
        // A round that is thrown away tells how many calls there are.
        { warmUp: true },
      )
      const details = { peak: median(rounds.map(({ ours }) => ours)), barePeak: median(rounds.map((round) => round.bare)), calls }
      const pairs = rounds.map((round) => ({ ours: round.ours, baseline: round.bare }))
      return [{ id: 'fit-client-rss', ...differenceOf(pairs), unit: 'MiB' as const, goal: { atMost: 12 }, details }]
    } finally {
      await rm(folder, { recursive: true })
    }
  },
}
