import { failure } from '../core/errors.ts'
import type { GraphBuilder } from './builder.ts'
import type { Graph } from './graph.ts'
import { builderOf } from './rebuild.ts'

export interface MergeOptions {
  /** Inputs of the second graph by the output of the first that feeds each. Default: those of equal names. */
  readonly connect?: Readonly<Record<string, string>>
  /** Outputs of the first that the whole gives too. Default: those that feed no input of the second. */
  readonly keep?: readonly string[]
}

/** Names of the second graph as they are in the whole: their own where those are free. */
const namesApart = (builder: GraphBuilder, first: Graph): ((name: string) => string) => {
  const taken = new Set([
    ...first.inputs.keys(),
    ...first.initializers.keys(),
    ...first.nodes.flatMap(({ name, outputs }) => [name, ...outputs]),
  ])
  const given = new Map<string, string>()
  return (name) => {
    if (name === '') return ''
    const known = given.get(name)
    if (known !== undefined) return known
    const own = taken.has(name) ? builder.fresh(`${name}_2`) : name
    given.set(name, own)
    return own
  }
}

/**
 * One graph of two: outputs of the first feed inputs of the second, whose types are inferred anew. What stands in both
 * under one name is kept apart: that of the second gets another.
 * @throws ActiveStorageError `invalid-argument`, `bad-model` where they do not fit
 */
export const merge = (first: Graph, second: Graph, { connect, keep }: MergeOptions = {}): Graph => {
  if (first.opset !== second.opset)
    throw failure(
      'invalid-argument',
      `graph ${first.name} is of opset ${first.opset}, ${second.name} of ${second.opset}: upgrade both first`,
    )
  const links = new Map(Object.entries(connect ?? Object.fromEntries([...second.inputs.keys()].filter((name) => first.outputs.has(name)).map((name) => [name, name])))) // prettier-ignore
  const kept = keep ?? [...first.outputs.keys()].filter((name) => ![...links.values()].includes(name))
  const builder = builderOf({ ...first, outputs: new Map() })
  builder.reserve([
    ...second.inputs.keys(),
    ...second.initializers.keys(),
    ...second.nodes.flatMap(({ name, outputs }) => [name, ...outputs]),
  ])
  const apart = namesApart(builder, first)
  for (const [input, output] of links) {
    const [wanted, type] = [second.inputs.get(input), first.outputs.get(output)]
    if (wanted === undefined || type === undefined)
      throw failure(
        'invalid-argument',
        `there is no ${wanted === undefined ? `input "${input}" in ${second.name}` : `output "${output}" in ${first.name}`} to connect: use their own names`,
      )
    const { dtype, shape } = builder.value(output)
    const fits =
      dtype === wanted.dtype &&
      shape.length === wanted.shape.length &&
      shape.every((side, i) => typeof side === 'string' || typeof wanted.shape[i] === 'string' || side === wanted.shape[i])
    if (!fits)
      throw failure(
        'invalid-argument',
        `output "${output}" is ${dtype}[${shape.join(', ')}], input "${input}" ${wanted.dtype}[${wanted.shape.join(', ')}]: they must be alike`,
      )
  }
  const renamed = (name: string): string => links.get(name) ?? apart(name)
  for (const [name, { dtype, shape }] of second.inputs) if (!links.has(name)) builder.input(apart(name), dtype, shape)
  for (const [name, tensor] of second.initializers) builder.initializer(apart(name), tensor)
  for (const node of second.nodes)
    builder.node({ ...node, name: apart(node.name), inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) })
  for (const name of second.outputs.keys()) builder.output(builder.value(renamed(name)))
  for (const name of kept) builder.output(builder.value(name))
  return builder.build()
}
