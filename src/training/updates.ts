import type { GraphBuilder, Value } from '../graph/builder.ts'
import type { Graph } from '../graph/graph.ts'
import { Emit } from './emit.ts'
import { CORRECTION_1, CORRECTION_2, LEARNING_RATE, nextOf, SCALE, slotName } from './names.ts'
import { addUpdate, slotsOf } from './optimizer.ts'
import type { Prepared } from './prepare.ts'
import { named } from './trainable.ts'

/** Adds the update of every parameter that has a gradient, and gives what takes the place of what, by name. */
export const addUpdates = (
  b: GraphBuilder,
  { options: { optimizer, groups = [], clipNorm }, initial, trainable }: Prepared,
  gradients: ReadonlyMap<string, Value>,
): ReadonlyMap<string, string> => {
  const given = new Map<string, string>()
  const give = (name: string, value: Value) => {
    b.output(value, nextOf(name))
    given.set(name, nextOf(name))
  }
  const scalar = (name: string) => b.input(name, 'float32', [])
  const [learningRate, correction1, correction2] = [scalar(LEARNING_RATE), scalar(CORRECTION_1), scalar(CORRECTION_2)]
  const scale = clipNorm === undefined ? undefined : scalar(SCALE)
  for (const name of trainable) {
    const gradient = gradients.get(name)
    if (gradient === undefined) continue
    const { rate = 1, weightDecay } = groups.find(({ match }) => named(match)(name)) ?? {}
    const shape = initial.get(name)?.shape ?? []
    const slots = Object.fromEntries(slotsOf(optimizer).map((slot) => [slot, b.input(slotName(slot, name), 'float32', shape)]))
    const e = new Emit({ b, node: { name: `update/${name}` } })
    const made = addUpdate(e, weightDecay === undefined ? optimizer : { ...optimizer, weightDecay }, {
      parameter: b.value(name),
      gradient: scale === undefined ? gradient : e.mul(gradient, scale),
      slots,
      learningRate: e.mul(learningRate, rate),
      correction1,
      correction2,
    })
    give(name, made.parameter)
    for (const [slot, value] of Object.entries(made.slots)) give(slotName(slot, name), value)
  }
  return given
}

/** The norm of all gradients together. */
export const addNorm = (b: GraphBuilder, gradients: ReadonlyMap<string, Value>): Value => {
  const e = new Emit({ b, node: { name: 'norm' } })
  const squares = [...gradients.values()].map((gradient) => e.op('ReduceSumSquare', [gradient], { keepdims: 0 }))
  return e.op('Sqrt', [e.total(squares)])
}

/** What gradients of this norm are scaled by: as PyTorch's clip_grad_norm_. */
export const clipScale = (norm: number, most: number): number => Math.min(1, most / (norm + 1e-6))

/** Operators of which an element of the output depends on the elements of its own place alone. */
const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div', 'Sqrt'])

/**
 * Whether a run may write a tensor's next value into the very buffer that it reads the tensor from. It may where what
 * makes the value goes element by element, and whatever else reads the tensor runs before, in any order that the graph
 * allows: for its result is needed.
 */
export const isInPlace = ({ nodes }: Graph, name: string, next: string): boolean => {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  let writer = producers.get(next)
  while (writer?.op === 'Identity') writer = producers.get(writer.inputs[0] ?? '')
  if (writer === undefined || !ELEMENTWISE.has(writer.op)) return false
  const before = new Set([writer])
  for (const node of before)
    for (const input of node.inputs) {
      const producer = producers.get(input)
      if (producer !== undefined) before.add(producer)
    }
  return nodes.every((node) => !node.inputs.includes(name) || before.has(node))
}
