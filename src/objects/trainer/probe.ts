import type { MovableSelf } from '../../core/self.ts'
import { readGraph } from '../../graph/read.ts'
import type { Sample } from '../dataset/sample.ts'
import { specOf } from '../pipeline/spec.ts'
import { planEpoch } from '../loader/plan.ts'
import { prefetching } from '../loader/prefetching.ts'
import { inputOf, lossesOf } from './feeds.ts'
import { AHEAD, batchOf, type Source } from './job.ts'
import type { ProbePlan } from './probe-plan.ts'
import type { TrainerSpec } from './spec.ts'
import { openTraining } from './training.ts'

/** What a few steps took. */
export interface Probed {
  /** From one step to the next, batches made beside them as in a training; content was there. */
  readonly stepMs: number
  /** Steps behind that figure; the first one, which lays out memory, is not among them. */
  readonly steps: number
  /** To have the content of all samples here: from memory, disk or its home. */
  readonly contentMs: number
}

const STEPS = 8
/** No more steps are begun after so long. */
const MOST_MS = 2000

/** @throws as `put` and `run` do for a model, a spec or samples that cannot be trained */
export const probeSteps = async (
  self: MovableSelf,
  file: Uint8Array,
  spec: TrainerSpec,
  plan: ProbePlan,
  samples: readonly Sample[],
): Promise<Probed> => {
  const { graph } = readGraph(file)
  const source: Source = {
    samples,
    spec: specOf(plan.pipeline),
    rule: { input: inputOf([...graph.inputs.keys()], spec.input), losses: lossesOf(spec), classes: plan.classes },
  }
  const contents = [...new Map(samples.map(({ content }) => [content.hash, content])).values()]
  const fetching = performance.now()
  await self.content.ensure(contents, self.signal)
  await Promise.all(contents.map((ref) => self.content.read(ref, self.signal)))
  const contentMs = performance.now() - fetching

  const batches = await planEpoch(samples, { batchSize: plan.batchSize }, 0)
  const training = await openTraining(self, file, spec, { seed: spec.seed })
  try {
    const made = prefetching(STEPS + 1, AHEAD, (index) =>
      batchOf(self, source, batches[index % batches.length] ?? [], { seed: 0, epoch: 0 }, plan.cache),
    )
    let began: number | undefined
    let steps = 0
    let stepMs = 0
    for await (const feeds of made) {
      // A step that moves nothing takes as long as any.
      await training.step(feeds, { step: 1, learningRate: 0 })
      if (began === undefined) {
        began = performance.now()
        continue
      }
      stepMs = (performance.now() - began) / ++steps
      if (performance.now() - began > MOST_MS) break
    }
    return { stepMs, steps, contentMs }
  } finally {
    await training.close()
  }
}
