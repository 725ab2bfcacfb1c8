import type { Measurement } from '../support/claim.ts'
import { builtIndex, builtStages } from '../support/built.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { numberIn } from '../support/lines.ts'
import { adoptable, photoDataset, photosOf, pipelineSpec } from '../support/photos.ts'
import { startNode, startScript } from '../support/processes.ts'
import { median, ratioOf } from '../support/statistics.ts'

const ROUNDS = 16
const BATCH = 36
const IN_FLIGHT = 2
/** What one batch keeps under way on a node: its cores, at most libuv's threads. */
const PER_BATCH = 2
/** Batches of a measurement. */
const BATCHES = 6

export const pipeline: Measurement = {
  claims: ['pipeline'],
  about: `Preprocessing of adopted photographs on the node, ${IN_FLIGHT} batches in flight, results sent back: samples/s, over a plain script that makes the same sharp calls with the same concurrency.`,
  async run() {
    await using node = await startNode(adoptable())
    await using plain = await startScript(new URL('../support/sharp-script.ts', import.meta.url))
    const index = await builtIndex()
    const { batchStages } = await builtStages()
    await using client = await index.connect({ node: node.address })
    const photos = await photosOf(await photoDataset(index, client))
    const samples = Array.from({ length: BATCH }, (_, at) => photos[at % photos.length]!).map(({ id, content }) => ({ id, content }))
    const stages = index.withCall(client.object(batchStages, 'main'), { place: 'node' })

    const ours = async (): Promise<number> => {
      const began = performance.now()
      let next = 0
      const lane = async () => {
        while (next++ < BATCHES) await stages.preprocess(pipelineSpec, samples, { seed: 0, epoch: 0 })
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
      return (BATCHES * BATCH * 1000) / (performance.now() - began)
    }
    const files = samples.map(({ id }) => id).join('\n')
    const script = async () => {
      const ms = numberIn(await plain.ask('run', { files, times: BATCHES, concurrency: IN_FLIGHT * PER_BATCH }), 'ms')
      return (BATCHES * BATCH * 1000) / ms
    }
    const rounds = await interleave(ROUNDS, { ours, script })
    const [here, there] = (['ours', 'script'] as const).map((side) => median(rounds.map((round) => round[side])))
    return [{ id: 'pipeline', ...ratioOf(pairsOf(rounds, 'ours', 'script')), goal: { atLeast: 0.95 }, details: { samplesPerSecond: here ?? 0, scriptSamplesPerSecond: there ?? 0, photos: photos.length } }]
  },
}
