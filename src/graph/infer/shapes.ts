import type { Dim, ValueType } from '../graph.ts'

/** A type as an error shows it: `float32[N, 3]`. */
export const shown = ({ dtype, shape }: ValueType): string => `${dtype}[${shape.join(', ')}]`

/** One side where two must be equal: the number if either is one; undefined where they differ. */
export const equalSide = (a: Dim, b: Dim): Dim | undefined => {
  if (a === b || typeof b === 'string') return a
  return typeof a === 'string' ? b : undefined
}

/**
 * One side where two are broadcast; undefined where they cannot be. Of two names either may stand for 1, so the result
 * has a name of its own.
 */
export const broadcastSide = (a: Dim, b: Dim, fresh: () => Dim): Dim | undefined => {
  if (a === b || b === 1) return a
  if (a === 1) return b
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a
  return typeof b === 'number' ? b : fresh()
}

/** The shape that others broadcast to; undefined where they do not. */
export const broadcastShapes = (shapes: readonly (readonly Dim[])[], fresh: (axis: number) => Dim): readonly Dim[] | undefined => {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  const result: Dim[] = []
  for (let axis = 0; axis < rank; axis++) {
    let side: Dim = 1
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length]
      const joined: Dim | undefined = own === undefined ? side : broadcastSide(side, own, () => fresh(axis))
      if (joined === undefined) return undefined
      side = joined
    }
    result.push(side)
  }
  return result
}

/** A product of sides: the number of their known part and the names, sorted. */
export const productOf = (sides: readonly Dim[]): { readonly number: number; readonly names: readonly string[] } => ({
  number: sides.reduce<number>((product, side) => (typeof side === 'number' ? product * side : product), 1),
  names: sides.filter((side) => typeof side === 'string').toSorted(),
})

/** The product of sides as one side; a name of its own where it has more than one unknown factor. */
export const joinedSide = (sides: readonly Dim[], fresh: () => Dim): Dim => {
  const { number, names } = productOf(sides)
  const [only] = names
  if (only === undefined || number === 0) return number
  return names.length === 1 && number === 1 ? only : fresh()
}

/**
 * The side that is left of `whole` when `part` is taken out; undefined where it does not divide. Names on both sides
 * cancel: the rest is a number, one name, or a name of its own.
 */
export const quotientSide = (whole: readonly Dim[], part: readonly Dim[], fresh: () => Dim): Dim | undefined => {
  const over = productOf(whole)
  const under = productOf(part)
  const left = [...over.names]
  for (const name of under.names) {
    const at = left.indexOf(name)
    if (at < 0) return fresh()
    left.splice(at, 1)
  }
  if (under.number === 0) return over.number === 0 ? 0 : undefined
  const number = over.number / under.number
  const [only] = left
  if (only === undefined) return Number.isInteger(number) ? number : undefined
  return left.length === 1 && number === 1 ? only : fresh()
}
