import type { Dim } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'
import { equalSide, joinedSide, productOf, quotientSide } from './shapes.ts'

/** The rank that an input of one dimension asks for, by its length. */
const lengthOf = (at: NodeContext, i: number): number => {
  const [side] = at.rank(i, 1).shape
  if (typeof side !== 'number')
    throw at.wrong(
      `the length of its input ${i}, and so the rank of what it gives, is known only when the graph runs`,
      'give it a shape of a fixed length',
      'unsupported',
    )
  return side
}

/** The elements of a shape input: sides, or undefined for those that are not known. */
const sidesOf = (at: NodeContext, i: number): readonly (Dim | undefined)[] => {
  const length = lengthOf(at, i)
  return at.elements(i)?.values ?? Array.from({ length }, () => undefined)
}

const reshape: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  at.wants(1, 'int64')
  const zeroCopies = at.int('allowzero', 0) === 0
  const stated = sidesOf(at, 1).map((side, i) => {
    if (side !== 0 || !zeroCopies) return side
    const copied = shape[i]
    if (copied === undefined) throw at.wrong(`its shape copies side ${i}, which its input does not have`, 'correct its shape')
    return copied
  })
  const target = `[${stated.map((side) => side ?? '?').join(', ')}]`
  const asked = stated.flatMap((side, i) => (side === -1 ? [i] : []))
  const unknown = stated.flatMap((side, i) => (side === undefined ? [i] : []))
  if (asked.length > 1 || stated.some((side) => typeof side === 'number' && side < -1))
    throw at.wrong(`its shape ${target} is none`, 'at most one side may be -1')
  // One side alone that is not known is as good as -1: the number of elements settles it.
  const open = asked.length === 1 && unknown.length === 0 ? asked[0] : asked.length === 0 && unknown.length === 1 ? unknown[0] : undefined
  const rest = stated.filter((side): side is Dim => side !== undefined && side !== -1)
  if (open === undefined) {
    const [own, other] = [productOf(shape), productOf(rest)]
    const settled = asked.length + unknown.length === 0 && own.names.join() === other.names.join()
    if (settled && own.number !== other.number)
      throw at.wrong(`it cannot give its elements the shape ${target}`, 'the number of elements must stay')
    return [{ dtype, shape: stated.map((side, i) => (side === undefined || side === -1 ? at.fresh(i) : side)) }]
  }
  const found = quotientSide(shape, rest, () => at.fresh(open))
  if (found === undefined) throw at.wrong(`it cannot give its elements the shape ${target}`, 'the number of elements must stay')
  return [{ dtype, shape: stated.map((side, i) => (i === open ? found : (side ?? at.fresh(i)))) }]
}

const flatten: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  const given = at.int('axis', 1)
  const axis = given < 0 ? given + shape.length : given
  if (axis < 0 || axis > shape.length) throw at.wrong(`it flattens at axis ${given}`, `an axis is from ${-shape.length} to ${shape.length}`)
  return [{ dtype, shape: [joinedSide(shape.slice(0, axis), () => at.fresh(0)), joinedSide(shape.slice(axis), () => at.fresh(1))] }]
}

const transpose: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  const order = at.ints('perm') ?? shape.map((_, i) => shape.length - 1 - i)
  const axes = at.axes(order, shape.length)
  if (axes.length !== shape.length) throw at.wrong(`its perm [${order.join(', ')}] is not of ${shape.length} axes`, 'name each axis once')
  return [{ dtype, shape: axes.map((axis) => shape[axis] ?? 1) }]
}

const squeeze: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  if (!at.has(1)) {
    if (shape.some((side) => typeof side === 'string'))
      throw at.wrong('it drops all sides of 1, and which those are is not known', 'name the axes', 'unsupported')
    return [{ dtype, shape: shape.filter((side) => side !== 1) }]
  }
  const axes = at.axes(at.constantNumbers(1, 'axes'), shape.length)
  for (const axis of axes) {
    const side = shape[axis]
    if (typeof side === 'number' && side !== 1) throw at.wrong(`it drops axis ${axis}, whose side is ${side}`, 'only sides of 1 can go')
  }
  return [{ dtype, shape: shape.filter((_, i) => !axes.includes(i)) }]
}

const unsqueeze: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  const given = at.constantNumbers(1, 'axes')
  const rank = shape.length + given.length
  const axes = at.axes(given, rank)
  const rest = [...shape]
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() ?? 1))) }]
}

const expand: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  at.wants(1, 'int64')
  const stated = sidesOf(at, 1)
  return [
    {
      dtype,
      shape: at.broadcast(
        shape,
        stated.map((side, i) => side ?? at.fresh(i)),
      ),
    },
  ]
}

const tile: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  const repeats = sidesOf(at, 1)
  if (repeats.length !== shape.length) throw at.wrong(`it has ${repeats.length} repeats for ${shape.length} axes`, 'give one for each')
  return [{ dtype, shape: shape.map((side, i) => { const times = repeats[i]; return times === undefined ? at.fresh(i) : joinedSide([side, times], () => at.fresh(i)) }) }] // prettier-ignore
}

const concat: InferRule = (at) => {
  const types = at.all()
  const [first] = types
  const given = at.attribute('axis', 'int')
  if (first === undefined || given === undefined) throw at.wrong('it lacks inputs, or the attribute "axis"', 'give it both')
  const dtype = at.sameDType(...types)
  const rank = first.shape.length
  const axis = at.axis(given, rank)
  const shape = first.shape.map((side, i): Dim => {
    const sides = types.map((type) => {
      if (type.shape.length !== rank) throw at.wrong('its inputs differ in their number of dimensions', 'make it equal')
      return type.shape[i] ?? 1
    })
    if (i === axis)
      return sides.every((own) => typeof own === 'number')
        ? sides.reduce((sum, own) => sum + own, 0)
        : sides.length === 1
          ? side
          : at.fresh(i)
    return sides.reduce((joined, own) => {
      const both = equalSide(joined, own)
      if (both === undefined)
        throw at.wrong(`on axis ${i} its inputs have sides ${joined} and ${own}`, `only axis ${axis}, on which it joins them, may differ`)
      return both
    })
  })
  return [{ dtype, shape }]
}

const split: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 1, Infinity)
  const axis = at.axis(at.int('axis', 0), shape.length)
  const side = shape[axis] ?? 1
  const count = at.node.outputs.length
  const stated = at.opset >= 18 ? at.attribute('num_outputs', 'int') : undefined
  if (stated !== undefined && stated !== count) throw at.wrong(`it has ${count} outputs and a num_outputs of ${stated}`, 'make them equal')
  const lengths = ((): readonly (Dim | undefined)[] => {
    if (at.has(1)) return at.elements(1)?.values ?? Array.from({ length: count }, () => undefined)
    if (typeof side === 'string') return Array.from({ length: count }, () => undefined)
    // The last is shorter where it does not divide, which a Split without num_outputs does not allow.
    if (stated === undefined && side % count !== 0)
      throw at.wrong(`a side of ${side} does not split into ${count} equal parts`, 'give the lengths as its second input')
    const each = Math.ceil(side / count)
    return Array.from({ length: count }, (_, i) => (i < count - 1 ? each : side - each * (count - 1)))
  })()
  if (lengths.length !== count) throw at.wrong(`it has ${lengths.length} lengths for ${count} outputs`, 'give one for each')
  const known = lengths.filter((length) => typeof length === 'number')
  const sum = known.reduce((total, length) => total + length, 0)
  if (known.some((length) => length < 0) || (typeof side === 'number' && known.length === count && sum !== side))
    throw at.wrong(`its lengths [${known.join(', ')}] do not make up its side of ${side}`, 'correct them')
  return lengths.map((length, output) => ({ dtype, shape: shape.map((own, i) => (i === axis ? (length ?? at.fresh(axis, output)) : own)) }))
}

const depthToSpace: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 4)
  const block = at.int('blocksize', 0)
  const [n = 1, c = 1, ...image] = shape
  const deep = at.node.op === 'DepthToSpace'
  const channels = deep ? quotientSide([c], [block * block], () => at.fresh(1)) : joinedSide([c, block * block], () => at.fresh(1))
  const sides = image.map((side, i) =>
    deep ? joinedSide([side, block], () => at.fresh(i + 2)) : quotientSide([side], [block], () => at.fresh(i + 2)),
  )
  if (block < 1 || channels === undefined || sides.includes(undefined))
    throw at.wrong(`its blocksize ${block} does not divide its input`, 'correct it')
  return [{ dtype, shape: [n, channels, ...sides.map((side) => side ?? 1)] }]
}

export const arrangements: Readonly<Record<string, InferRule>> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Split: split,
  DepthToSpace: depthToSpace,
  SpaceToDepth: depthToSpace,
}
