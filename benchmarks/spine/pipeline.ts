import type { Measurement } from '../support/claim.ts'
import { builtIndex, builtStages } from '../support/built.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { numberIn } from '../support/lines.ts'
import { adoptable, fastSpec, floatSpec, photoDataset, photosOf, pipelineSpec } from '../support/photos.ts'
import { startNode, startScript } from '../support/processes.ts'
import { benchObjects } from '../support/sides.ts'
import { median, ratioOf } from '../support/statistics.ts'

const ROUNDS = 16
const BATCH = 36
const IN_FLIGHT = 2
/** Samples under way on a node, over all batches: its cores, at most libuv's threads. */
const CONCURRENCY = 2
/** Batches of a measurement. */
const BATCHES = 6

export const pipeline: Measurement = {
  claims: ['pipeline', 'pipeline-fast', 'pipeline-kept', 'pipeline-float', 'pipeline-whole'],
  about: `Preprocessing of adopted photographs on the node, ${IN_FLIGHT} batches in flight: samples/s, over a plain script that makes the same sharp calls with the same concurrency.`,
  async run() {
    await using node = await startNode([...adoptable(), '--objects', benchObjects])
    await using plain = await startScript(new URL('../support/sharp-script.ts', import.meta.url))
    const index = await builtIndex()
    const { batchStages } = await builtStages()
    const { bench } = await import('../support/bench-objects.mjs')
    await using client = await index.connect({ node: node.address })
    const photos = await photosOf(await photoDataset(index, client))
    const samples = Array.from({ length: BATCH }, (_, at) => photos[at % photos.length]!).map(({ id, content }) => ({ id, content }))
    const placed = { place: 'node' } as const
    const stages = index.withCall(client.object(batchStages, 'main'), placed)
    const keeping = index.withCall(client.object(bench, 'main'), placed)
    const key = { seed: 0, epoch: 0 }

    const samplesPerSecond = async (preprocess: () => Promise<unknown>): Promise<number> => {
      const began = performance.now()
      let next = 0
      const lane = async () => {
        while (next++ < BATCHES) await preprocess()
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
      return (BATCHES * BATCH * 1000) / (performance.now() - began)
    }
    const files = samples.map(({ id }) => id).join('\n')
    const scripted = async (whole: boolean): Promise<number> =>
      (BATCHES * BATCH * 1000) /
      numberIn(await plain.ask('run', { files, times: BATCHES, concurrency: CONCURRENCY, whole: whole ? 1 : 0 }), 'ms')
    const rounds = await interleave(ROUNDS, {
      sent: () => samplesPerSecond(() => stages.preprocess(pipelineSpec, samples, key)),
      fast: () => samplesPerSecond(() => stages.preprocess(fastSpec, samples, key)),
      script: () => scripted(false),
      whole: () => scripted(true),
      kept: () => samplesPerSecond(() => keeping.prepare(pipelineSpec, samples, key)),
      float: () => samplesPerSecond(() => stages.preprocess(floatSpec, samples, key)),
    })
    const [sent, fast, kept, float, script, whole] = (['sent', 'fast', 'kept', 'float', 'script', 'whole'] as const).map((side) =>
      median(rounds.map((round) => round[side])),
    )
    return [
      {
        id: 'pipeline',
        ...ratioOf(pairsOf(rounds, 'sent', 'script')),
        goal: { atLeast: 0.95 },
        details: { samplesPerSecond: sent ?? 0, scriptSamplesPerSecond: script ?? 0, photos: photos.length },
      },
      { id: 'pipeline-fast', ...ratioOf(pairsOf(rounds, 'fast', 'script')), details: { samplesPerSecond: fast ?? 0 } },
      { id: 'pipeline-whole', ...ratioOf(pairsOf(rounds, 'sent', 'whole')), details: { scriptSamplesPerSecond: whole ?? 0 } },
      { id: 'pipeline-kept', ...ratioOf(pairsOf(rounds, 'kept', 'script')), details: { samplesPerSecond: kept ?? 0 } },
      { id: 'pipeline-float', ...ratioOf(pairsOf(rounds, 'float', 'script')), details: { samplesPerSecond: float ?? 0 } },
    ]
  },
}
