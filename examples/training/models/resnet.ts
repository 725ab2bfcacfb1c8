import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Dim, Graph } from '../../../src/graph/graph.ts'
import { batchNorm, conv2d, type LayerContext, linear } from '../../../src/graph/layers.ts'

/** Blocks of each stage and its channels: the CIFAR family of He et al. 2016 (6n + 2 layers), and the ImageNet one. */
const depths = {
  8: { blocks: [1, 1, 1], width: 16 },
  14: { blocks: [2, 2, 2], width: 16 },
  20: { blocks: [3, 3, 3], width: 16 },
  18: { blocks: [2, 2, 2, 2], width: 64 },
  34: { blocks: [3, 4, 6, 3], width: 64 },
} as const

export interface ResNetOptions {
  readonly depth: keyof typeof depths
  readonly classes?: number
  readonly batch?: Dim
  readonly size?: number
  /** Channels of the first stage. Default 16 for 8, 14 and 20, else 64. */
  readonly width?: number
  /** Channels of each stage. Default twice those of the stage before. */
  readonly widths?: readonly number[]
  readonly seed?: number
}

const block = (context: LayerContext, name: string, x: Value, channels: number, stride: number): Value => {
  const { b } = context
  const first = b.op('Relu', [
    batchNorm(context, `${name}.bn1`, conv2d(context, `${name}.conv1`, x, channels, { kernel: 3, stride, padding: 1, bias: false })),
  ])
  const second = batchNorm(
    context,
    `${name}.bn2`,
    conv2d(context, `${name}.conv2`, first, channels, { kernel: 3, padding: 1, bias: false }),
  )
  const straight = stride === 1 && x.shape[1] === channels
  const shortcut = straight
    ? x
    : batchNorm(context, `${name}.downsample.1`, conv2d(context, `${name}.downsample.0`, x, channels, { kernel: 1, stride, bias: false }))
  return b.op('Relu', [b.op('Add', [second, shortcut])])
}

/** A residual network with the stem for small images: `image` [batch, 3, size, size] to `logits` [batch, classes]. */
export const resNet = ({ depth, classes = 10, batch = 'N', size = 32, width, widths, seed = 0 }: ResNetOptions): Graph => {
  const { blocks, width: usual } = depths[depth]
  const b = new GraphBuilder({ name: `resnet${depth}` })
  const context = { b, seed }
  const stem = widths?.[0] ?? width ?? usual
  const image = b.input('image', 'float32', [batch, 3, size, size])
  let x = b.op('Relu', [batchNorm(context, 'bn1', conv2d(context, 'conv1', image, stem, { kernel: 3, padding: 1, bias: false }))])
  for (const [stage, count] of blocks.entries())
    for (let i = 0; i < count; i++)
      x = block(context, `layer${stage + 1}.${i}`, x, widths?.[stage] ?? stem * 2 ** stage, stage > 0 && i === 0 ? 2 : 1)
  const pooled = b.op('Flatten', [b.op('GlobalAveragePool', [x])], { axis: 1 })
  b.output(linear(context, 'fc', pooled, classes), 'logits')
  return b.build()
}
