import type { Value } from '../../../../src/graph/builder.ts'
import { type Draw, type Kind, smooth } from '../case.ts'

/** Nodes that make a square matrix of one or two: what they make can be used by any other. */
const nodes: readonly ((draw: Draw, a: Value, b: Value) => Value)[] = [
  (draw, a, b) => draw.op('Add', [a, b]),
  (draw, a, b) => draw.op('Sub', [a, b]),
  (draw, a, b) => draw.op('Mul', [a, b]),
  (draw, a, b) => draw.op('MatMul', [draw.op('Tanh', [a]), draw.op('Sigmoid', [b])]),
  (draw, a) => draw.op('Softmax', [a], { axis: draw.int(0, 1) }),
  (draw, a) => draw.op('Transpose', [a]),
  (draw, a) => draw.op('Gelu', [a]),
  (draw, a) => draw.op('Add', [a, draw.op('ReduceMean', [a, draw.b.ints(draw.int(0, 1))])]),
  (draw, a, b) => draw.op('Where', [draw.op('Greater', [draw.floats(a.shape.map(Number)), draw.b.scalar(0)]), a, b]),
  (draw, a, b) => {
    const joined = draw.op('Concat', [a, b], { axis: 1 })
    const [first] = draw.b.ops('Split', [joined], { axis: 1, num_outputs: 2 }, { outputs: 2 })
    return first ?? joined
  },
]

/** A graph of several nodes, whose tensors are used once, more often, or never; one output or two. */
const network = smooth((draw) => {
  const side = draw.int(1, 3)
  const made: Value[] = Array.from({ length: draw.int(1, 3) }, () => draw.input([side, side]))
  for (let count = draw.int(1, 8); count > 0; count--) {
    const make = draw.pick(...nodes)
    made.push(make(draw, draw.pick(...made), draw.pick(...made)))
  }
  const [last, other] = [made.at(-1), draw.pick(...made)]
  if (last === undefined) throw new Error('a network has a node')
  const results = [last, ...(other === last || draw.flag() ? [] : [other])]
  // An output has to be made by a node, and the loss to depend on each input: what it does not depend on has zeros.
  return draw.of(...results.map((value) => draw.op('Identity', [value])))
})

/** Graphs of more than one node: where gradients meet, and where none comes. */
export const networks: Readonly<Record<string, Kind>> = { 'several nodes': network }
