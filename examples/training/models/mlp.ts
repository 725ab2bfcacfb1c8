import { GraphBuilder } from '../../../src/graph/builder.ts'
import type { Dim, Graph } from '../../../src/graph/graph.ts'
import { dropout, linear } from '../../../src/graph/layers.ts'

export interface MlpOptions {
  readonly features: number
  readonly hidden?: readonly number[]
  readonly outputs: number
  readonly batch?: Dim
  readonly dropout?: number
  readonly seed?: number
}

/** Linear layers with Relu between: `x` [batch, features] to `logits` [batch, outputs]. Names are those of PyTorch's Sequential. */
export const mlp = ({ features, hidden = [128], outputs, batch = 'N', dropout: ratio = 0, seed = 0 }: MlpOptions): Graph => {
  const b = new GraphBuilder({ name: 'mlp' })
  const context = { b, seed }
  let x = b.input('x', 'float32', [batch, features])
  const stride = ratio > 0 ? 3 : 2
  for (const [i, width] of hidden.entries()) x = dropout(context, b.op('Relu', [linear(context, `${stride * i}`, x, width)]), ratio)
  b.output(linear(context, `${stride * hidden.length}`, x, outputs), 'logits')
  return b.build()
}
