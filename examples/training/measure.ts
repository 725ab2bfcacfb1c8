// What a trained model is worth on samples that it has not seen, and whether its file gives the same outside of a node.
import { join } from 'node:path'
import * as onnx from 'onnxruntime-node'
import type { Batch, BatchData, Client } from '../../src/index.ts'
import { dataLoader, dataset, type Op, Tensor, trainer, withCall } from '../../src/index.ts'
import { readPlan } from '../../src/commands/plan.ts'
import { f1, floors } from './anomalies.ts'
import { type Run, type RunName, runs, type Source } from './runs.ts'

type Named = Readonly<Record<string, Tensor>>
const percent = (share: number) => `${(share * 100).toFixed(2)} %`
const namedOf = (data: BatchData): Named => (data instanceof Tensor ? { data } : data)

/** What a plan validates with, and the vocabulary that was made for it. */
const testOf = async (client: Client, planFile: string): Promise<Source> => {
  const { fit } = await readPlan(planFile)
  if ('members' in fit) throw new Error(`${planFile} is of several nodes`)
  const { validate = {} } = fit
  const { vocabulary } = typeof fit.dataset === 'string' ? await client.object(dataset, fit.dataset).describe() : {}
  const pipeline = validate.pipeline ?? fit.pipeline
  const ops: readonly Op[] = 'ops' in pipeline ? pipeline.ops : pipeline
  return {
    dataset: validate.dataset ?? fit.dataset,
    pipeline: ops.map((op) => (op.op === 'tokenize' && vocabulary !== undefined ? { ...op, vocabulary: vocabulary.content } : op)),
    ...(validate.split !== undefined && { split: validate.split }),
    batchSize: validate.batchSize ?? fit.batchSize,
  }
}

/** The model's inputs of a batch: its one tensor, or those of its names. */
const feedsOf = (names: readonly string[], data: BatchData): Named => {
  const given = namedOf(data)
  return Object.fromEntries(
    names.flatMap((name) => {
      const tensor = given[name] ?? (names.length === 1 ? given['data'] : undefined)
      return tensor === undefined ? [] : [[name, tensor] as const]
    }),
  )
}

/** Which samples a model of two classes takes for the second one, and which are. */
export const foundOf = async (batches: AsyncIterable<Batch<BatchData>>, predict: (feeds: Named) => Promise<Named>) => {
  const [found, truth]: [boolean[], boolean[]] = [[], []]
  for await (const { data, labels } of batches) {
    const { logits } = await predict(feedsOf(['x'], data))
    const scores = logits?.data
    if (!(scores instanceof Float32Array)) throw new Error('the model gives no logits')
    for (const [i, label] of (labels ?? []).entries()) {
      found.push((scores[2 * i + 1] ?? 0) > (scores[2 * i] ?? 0))
      truth.push(label === 1)
    }
  }
  return { found, truth }
}

/** Measures a trainer of its name on what its plan validates with. @returns lines to print, and the first batch */
export const measured = async (client: Client, name: RunName, planFile: string, data: string) => {
  const { goal, measure, floor }: Run = runs[name]
  const { dataset: set, pipeline, split, batchSize } = await testOf(client, planFile)
  if (typeof set !== 'string') throw new Error('the plan names no data set')
  const remote = withCall(client.object(trainer, name), { timeoutMs: 3_600_000 })
  const range = split === undefined ? {} : { split }
  const loader = client.wrap(dataLoader<Tensor | Named>({ dataset: client.object(dataset, set), pipeline, batchSize, ...range }))
  const first = async (): Promise<Batch<Tensor | Named>> => {
    for await (const batch of loader.epoch(0)) return batch
    throw new Error('there is nothing to measure on')
  }
  const { loss, accuracy = 0, samples } = await remote.evaluate({ dataset: set, pipeline, batchSize, ...range })
  const lines = [`on ${samples} samples of the test: loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}`]
  if (measure === 'accuracy') {
    const counts = (await client.object(dataset, set).labels(range)).map(({ count }) => count)
    const majority = Math.max(...counts) / counts.reduce((sum, count) => sum + count, 0)
    const floorText = floor === undefined ? '' : `, ${percent(floor[1])} (${floor[0]})`
    lines.push(`accuracy ${percent(accuracy)}; floors: ${percent(majority)} (the most frequent class)${floorText}; goal ${percent(goal)}: ${accuracy >= goal ? 'reached' : 'MISSED'}`) // prettier-ignore
    return { reached: accuracy >= goal, lines, batch: (await first()).data }
  }
  const { found, truth } = await foundOf(loader.epoch(0), (feeds) => remote.predict(feeds))
  const reached = f1(found, truth)
  const files = ['multi-hop.csv', 'single-hop.csv'].map((file) => join(data, 'sensor-motes', file))
  const { all, threshold, from } = await floors(files, new Set((await client.object(dataset, set).list(range)).map(({ id }) => id)))
  lines.push(`${truth.filter(Boolean).length} anomalies, ${found.filter(Boolean).length} found, ${found.filter((each, i) => each && truth[i]).length} of them right`) // prettier-ignore
  lines.push(`F1 ${reached.toFixed(3)}; floors: ${all.toFixed(3)} (all are anomalies), ${threshold.toFixed(3)} (humidity above ${from} %, the best constant threshold of the other motes); goal ${goal}: ${reached >= goal ? 'reached' : 'MISSED'}`) // prettier-ignore
  return { reached: reached >= goal, lines, batch: (await first()).data }
}

/** Runs a file in a session of onnxruntime's own, with a node's options, and compares all bits. */
export const sameOutside = async (file: Uint8Array, data: BatchData, predict: (feeds: Named) => Promise<Named>) => {
  const session = await onnx.InferenceSession.create(file, { intraOpNumThreads: 1, graphOptimizationLevel: 'all' })
  try {
    const feeds = feedsOf(session.inputNames, data)
    const given = Object.entries(feeds).map(([name, { dtype, data: values, shape }]) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a Tensor holds the array of its dtype
      return [name, new onnx.Tensor(dtype as 'float32', values as Float32Array, shape)] as const
    })
    const [outside, inside] = [await session.run(Object.fromEntries(given)), await predict(feeds)]
    const bytes = ({ data: values }: { readonly data: unknown }) =>
      ArrayBuffer.isView(values) ? Buffer.from(values.buffer, values.byteOffset, values.byteLength) : Buffer.alloc(0)
    const equal = session.outputNames.every((name) => {
      const [a, b] = [outside[name], inside[name]]
      return a !== undefined && b !== undefined && bytes(a).length > 0 && bytes(a).equals(bytes(b))
    })
    const outputs = session.outputNames.map((name) => `${name} [${outside[name]?.dims.join(', ') ?? ''}]`).join(', ')
    return { equal, outputs, rows: outside[session.outputNames[0] ?? '']?.dims[0] ?? 0 }
  } finally {
    await session.release()
  }
}
