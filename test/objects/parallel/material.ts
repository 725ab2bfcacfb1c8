import type { TestContext } from 'node:test'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import { batchNorm, linear } from '../../../src/graph/layers.ts'
import { readGraph } from '../../../src/graph/read.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import type { Remote } from '../../../src/core/remote.ts'
import type { ParallelProgress } from '../../../src/objects/parallel/progress.ts'
import { parallelTrainer } from '../../../src/objects/parallel/parallel-trainer.ts'
import type { ParallelPlan } from '../../../src/objects/parallel/plan.ts'
import type { StorageNode } from '../../../src/storage-node/node.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { linkTo, remote, startNode } from '../../storage-node/support.ts'
import { pointsOf } from '../trainer/material.ts'

export const FEATURES = 12
const CLASSES = 3

/** A network without batch statistics; with them where that is asked for. */
export const network = ({ statistics = false } = {}): Uint8Array => {
  const b = new GraphBuilder({ name: 'points' })
  const context = { b, seed: 3 }
  const one = linear(context, 'one', b.input('x', 'float32', ['N', FEATURES]), 24)
  const hidden = b.op('Relu', [statistics ? batchNorm(context, 'bn', one) : one])
  b.output(linear(context, 'two', hidden, CLASSES), 'logits')
  return writeGraph({ graph: b.build() })
}

type Points = ReturnType<typeof pointsOf>
/** One part for each of these sizes, in the order of the samples. */
export const partsOf = (sizes: readonly number[]): Points[] => {
  const all = pointsOf(sizes.reduce((sum, size) => sum + size, 0))
  let from = 0
  return sizes.map((size) => all.slice(from, (from += size)))
}

export const putPart = async (t: TestContext, node: Pick<StorageNode, 'address'>, part: Points) =>
  void (await remote(linkTo(t, node.address), dataset, 'points').put(part))

/** A node for each part of the samples; the first of them knows the others. */
export const group = async (t: TestContext, parts: readonly Points[]) => {
  const peers: Record<string, string> = {}
  for (const [i, part] of parts.slice(1).entries()) {
    const node = await startNode(t, { name: `n${i + 1}` })
    peers[`n${i + 1}`] = node.address
    await putPart(t, node, part)
  }
  const lead = await startNode(t, { name: 'n0', peers })
  await putPart(t, lead, parts[0] ?? [])
  const link = linkTo(t, lead.address, 'n0')
  return { link, main: remote(link, parallelTrainer, 'main', { timeoutMs: 600_000 }) }
}

export const plan = (members: number, more: Partial<ParallelPlan> = {}): ParallelPlan => ({
  members: Array.from({ length: members }, (_, i) => ({ site: `n${i}`, dataset: 'points' })),
  pipeline: [{ op: 'tensor', dtype: 'float32', shape: [FEATURES] }],
  batchSize: 16,
  epochs: 2,
  balance: 'remaining',
  ...more,
})

export const follow = async (
  main: Remote<typeof parallelTrainer>,
  run: number,
  onReport?: (report: ParallelProgress) => unknown,
): Promise<ParallelProgress[]> => {
  const found: ParallelProgress[] = []
  for await (const report of main.run(run)) {
    found.push(report)
    await onReport?.(report)
  }
  return found
}

export const weightsIn = (file: Uint8Array): ReadonlyMap<string, Float32Array> =>
  new Map(
    [...readGraph(file).graph.initializers].flatMap(([name, { data }]) => (data instanceof Float32Array ? [[name, data] as const] : [])),
  )
/** The most that a weight differs. */
export const apart = (a: Uint8Array, b: Uint8Array): number => {
  const other = weightsIn(b)
  return Math.max(
    ...[...weightsIn(a)].flatMap(([name, data]) => [...data].map((value, i) => Math.abs(value - (other.get(name)?.[i] ?? NaN)))),
  )
}
