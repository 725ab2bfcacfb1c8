import type { Measurement } from '../support/claim.ts'
import { builtIndex } from '../support/built.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { adoptable, photoDataset, pipelineSpec } from '../support/photos.ts'
import { startNode } from '../support/processes.ts'
import { median, ratioOf } from '../support/statistics.ts'

const ROUNDS = 100
const BATCH = 5

export const wrapLocal: Measurement = {
  claims: ['wrap-local'],
  about: 'client.wrap(loader) with everything placed in this process: batches/s, over iterating the bare loader; inputs cached.',
  async run() {
    await using node = await startNode(adoptable())
    const index = await builtIndex()
    await using client = await index.connect({ node: node.address, policy: { yaml: 'version: 1\nstrategy: local\n' } })
    const dataset = await photoDataset(index, client)
    const loader = index.dataLoader({ dataset, pipeline: pipelineSpec, batchSize: BATCH })
    const wrapped = client.wrap(loader)
    const batchesPerSecond = async (epoch: AsyncIterable<unknown>): Promise<number> => {
      const began = performance.now()
      let count = 0
      for await (const _ of epoch) count++
      return (count * 1000) / (performance.now() - began)
    }
    const rounds = await interleave(ROUNDS, {
      wrapped: () => batchesPerSecond(wrapped.epoch(0)),
      bare: () => batchesPerSecond(loader.epoch(0)),
    })
    const [ours, bare] = (['wrapped', 'bare'] as const).map((side) => median(rounds.map((round) => round[side])))
    return [
      {
        id: 'wrap-local',
        ...ratioOf(pairsOf(rounds, 'wrapped', 'bare')),
        goal: { atLeast: 0.97 },
        details: { batchesPerSecond: ours ?? 0, bareBatchesPerSecond: bare ?? 0 },
      },
    ]
  },
}
