import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { resNet } from '../../examples/training/models/resnet.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { linear } from '../../src/graph/layers.ts'
import { writeGraph } from '../../src/graph/write.ts'
import type { FitPlan, Progress, TrainerSpec } from '../../src/index.ts'
import { builtIndex } from '../support/built.ts'
import { startNode } from '../support/processes.ts'

/** The real data. @throws where it is not there */
export const cifar = () => {
  const folder = join(process.env['AS_DATA'] ?? '', 'cifar-10')
  const tar = join(folder, 'train.tar')
  if (!existsSync(tar)) throw new Error(`${tar} is absent: set AS_DATA to the folder that has cifar-10/train.tar`)
  return { folder, tar, bytes: statSync(tar).size }
}

/** A node with the data set `cifar`, adopted where it lies, and a client of it. */
export const cifarNode = async () => {
  const { folder, tar, bytes } = cifar()
  const node = await startNode(['--adopt', folder])
  const index = await builtIndex()
  const client = await index.connect({ node: node.address, timeoutMs: 600_000 })
  await client.object(index.dataset, 'cifar').adopt(tar, { labels: 'class' })
  const dispose = async () => {
    await client.close()
    await node.stop()
  }
  return { node, index, client, bytes, [Symbol.asyncDispose]: dispose }
}
export type CifarNode = Awaited<ReturnType<typeof cifarNode>>

export const resNet8 = (): Uint8Array => writeGraph({ graph: resNet({ depth: 8 }) })
/** Two layers over the pixels: steps of milliseconds, and a state that is large beside their work where it is wide. */
export const perceptron = (width: number): Uint8Array => {
  const b = new GraphBuilder({ name: 'perceptron' })
  const context = { b, seed: 0 }
  const pixels = b.op('Flatten', [b.input('image', 'float32', ['N', 3, 32, 32])], { axis: 1 })
  b.output(linear(context, '2', b.op('Relu', [linear(context, '0', pixels, width)]), 10), 'logits')
  return writeGraph({ graph: b.build() })
}

export const spec: TrainerSpec = { loss: { kind: 'cross-entropy' }, optimizer: { kind: 'adam' }, learningRate: 1e-3 }
/** So much of the data set that a round takes seconds, and all of it without a share. */
export const plan = (more: Partial<FitPlan> & { readonly share?: number } = {}): FitPlan => {
  const { share, ...rest } = more
  return {
    dataset: 'cifar',
    pipeline: [
      { op: 'decode' },
      { op: 'normalize', scale: 1 / 255, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
      { op: 'layout', order: 'NCHW' },
    ],
    batchSize: 128,
    epochs: 1,
    ...(share !== undefined && { split: { part: 'test', test: share } }),
    ...rest,
  }
}

export interface Heard {
  readonly at: number
  readonly report: Progress
}
/** Trains with a new trainer, and tells when each report came, and what came of it. */
export const trained = async ({ index, client }: CifarNode, name: string, model: Uint8Array, how: TrainerSpec, fit: FitPlan) => {
  const remote = index.withCall(client.object(index.trainer, name), { timeoutMs: 3_600_000 })
  await remote.put(model, how)
  const heard: Heard[] = []
  for await (const report of remote.run(await remote.fit(fit))) heard.push({ at: performance.now(), report })
  return { heard, file: await remote.export() }
}
