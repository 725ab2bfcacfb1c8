import type { Dim, ValueType } from '../graph.ts'
import { type Elements, elementsOf, FOLLOWED, isFollowed } from './elements.ts'
import { calculate } from './calculate.ts'
import type { NodeContext } from './context.ts'
import { rearrange } from './rearrange.ts'
import { joinedSide } from './shapes.ts'
import { constantOf, shapeSpan } from './sources.ts'

type Values = readonly (Dim | undefined)[]

const range = (at: NodeContext, length: number): Values => {
  const [start, delta] = [at.elements(0)?.values[0], at.elements(2)?.values[0]]
  return Array.from({ length }, (_, i) => (typeof start === 'number' && typeof delta === 'number' ? start + i * delta : undefined))
}

const made = (at: NodeContext, length: number): Values | undefined => {
  switch (at.node.op) {
    case 'Constant': {
      const tensor = constantOf(at.node)
      return tensor && elementsOf(tensor)?.values
    }
    case 'Shape':
      return at.input(0).shape.slice(...shapeSpan(at))
    case 'Size':
      // A product of several names has no name: what is fresh here would seem to be a side.
      return [joinedSide(at.input(0).shape, () => at.fresh(0))]
    case 'ConstantOfShape': {
      const fill = at.attribute('value', 'tensor')
      const [value = 0] = fill === undefined ? [0] : (elementsOf(fill)?.values ?? [])
      return Array.from({ length }, () => value)
    }
    case 'Range':
      return range(at, length)
    default:
      return undefined
  }
}

/** The length of what a type holds, where it is small enough to be followed. */
const lengthOf = ({ dtype, shape }: ValueType): number | undefined => {
  if (!isFollowed(dtype)) return undefined
  let length = 1
  for (const side of shape) {
    if (typeof side === 'string') return undefined
    length *= side
  }
  return length <= FOLLOWED ? length : undefined
}

/** What is known of the elements of a node's outputs. */
export const followed = (at: NodeContext, types: readonly ValueType[]): readonly (Elements | undefined)[] =>
  types.map((type, output) => {
    const length = lengthOf(type)
    if (length === undefined) return undefined
    const values = made(at, length) ?? calculate(at, type) ?? rearrange(at, type, output)
    if (values === undefined || values.length !== length || values.every((value) => value === undefined)) return undefined
    return { dtype: type.dtype, shape: type.shape.filter((side) => typeof side === 'number'), values }
  })
