import type { Dim, ValueType } from '../graph.ts'
import type { NodeContext } from './context.ts'
import type { Elements } from './elements.ts'

type Values = readonly (Dim | undefined)[]

const gather = (at: NodeContext, data: Elements): Values | undefined => {
  const indices = at.numbers(1)
  // Shapes have one dimension; a table of more is not what a side is taken from.
  if (indices === undefined || data.shape.length !== 1) return undefined
  return indices.map((index) => data.values[index < 0 ? index + data.values.length : index])
}

const slice = (at: NodeContext, data: Elements): Values | undefined => {
  const [starts, ends] = [at.numbers(1), at.numbers(2)]
  const [step = 1] = at.numbers(4) ?? (at.has(4) ? [0] : [1])
  const [start, end] = [starts?.[0], ends?.[0]]
  if (data.shape.length !== 1 || start === undefined || end === undefined || step === 0) return undefined
  const length = data.values.length
  const from = start < 0 ? start + length : start
  const to = end < 0 ? end + length : end
  const taken: (Dim | undefined)[] = []
  if (step > 0) for (let i = Math.max(from, 0); i < Math.min(to, length); i += step) taken.push(data.values[i])
  else for (let i = Math.min(from, length - 1); i > Math.max(to, -1); i += step) taken.push(data.values[i])
  return taken
}

const concat = (at: NodeContext): Values | undefined => {
  const parts = at.all().map((type, i) => {
    if (type.shape.length !== 1) return undefined
    const length = type.shape[0]
    return at.elements(i)?.values ?? (typeof length === 'number' && length < 64 ? Array.from({ length }, () => undefined) : undefined)
  })
  return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? [])
}

const split = (at: NodeContext, data: Elements, output: number): Values | undefined => {
  if (data.shape.length !== 1) return undefined
  const lengths =
    at.numbers(1) ?? (at.has(1) ? undefined : at.node.outputs.map(() => Math.ceil(data.values.length / at.node.outputs.length)))
  if (lengths === undefined) return undefined
  const start = lengths.slice(0, output).reduce((sum, length) => sum + length, 0)
  return data.values.slice(start, start + (lengths[output] ?? 0))
}

const spread = (data: Elements, { shape }: ValueType): Values | undefined => {
  const length = shape.reduce<number>((product, side) => product * Number(side), 1)
  if (data.values.length === 1) return Array.from({ length }, () => data.values[0])
  return length === data.values.length ? data.values : undefined
}

/** The elements of what only moves them; undefined where that is not known or not of this kind. */
export const rearrange = (at: NodeContext, type: ValueType, output: number): Values | undefined => {
  if (at.node.op === 'Concat') return concat(at)
  const data = at.elements(0)
  if (data === undefined) return undefined
  switch (at.node.op) {
    case 'Gather':
      return gather(at, data)
    case 'Slice':
      return slice(at, data)
    case 'Split':
      return split(at, data, output)
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
      return data.values
    case 'Expand':
      return spread(data, type)
    case 'Tile': {
      const times = type.shape.reduce<number>((product, side) => product * Number(side), 1) / data.values.length
      return data.shape.length === 1 && Number.isInteger(times) ? Array.from({ length: times }, () => data.values).flat() : undefined
    }
    default:
      return undefined
  }
}
