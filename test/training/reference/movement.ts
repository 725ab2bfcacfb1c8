import type { Family, Op } from './call.ts'
import { axisOf, broadcast, item, make, type Nd, numbersOf, read, readBroadcast, reshaped, scalarOf, sizeOf } from './nd.ts'

const reshape: Op = (call) => {
  const x = call.get(0)
  const wanted = numbersOf(call.get(1)).map((side, axis) => (side === 0 && !call.flag('allowzero') ? item(x.shape, axis) : side))
  const known = sizeOf(wanted.filter((side) => side !== -1))
  return [
    reshaped(
      x,
      wanted.map((side) => (side === -1 ? x.data.length / known : side)),
    ),
  ]
}

const flatten: Op = (call) => {
  const x = call.get(0)
  const given = call.int('axis', 1)
  const axis = given < 0 ? given + x.shape.length : given
  return [reshaped(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))])]
}

const transpose: Op = (call) => {
  const x = call.get(0)
  const order = call.ints('perm') ?? x.shape.map((_, axis) => axis).reverse()
  const shape = order.map((axis) => item(x.shape, axis))
  return [
    make(x.dtype, shape, (at) =>
      read(
        x,
        x.shape.map((_, axis) => item(at, order.indexOf(axis))),
      ),
    ),
  ]
}

const squeeze: Op = (call) => {
  const x = call.get(0)
  const given = call.maybe(1)
  const axes = given && new Set(numbersOf(given).map((axis) => axisOf(axis, x.shape.length)))
  for (const axis of axes ?? []) if (x.shape[axis] !== 1) call.refuse(`the side ${x.shape[axis]} as one to squeeze`)
  return [
    reshaped(
      x,
      x.shape.filter((side, axis) => (axes === undefined ? side !== 1 : !axes.has(axis))),
    ),
  ]
}

const unsqueeze: Op = (call) => {
  const x = call.get(0)
  const given = numbersOf(call.get(1))
  const rank = x.shape.length + given.length
  const axes = new Set(given.map((axis) => axisOf(axis, rank)))
  if (axes.size !== given.length) call.refuse('an axis that is named twice')
  const rest = [...x.shape]
  return [
    reshaped(
      x,
      Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() ?? 1))),
    ),
  ]
}

const concat: Op = (call) => {
  const parts = call.all()
  const first = call.get(0)
  const axis = axisOf(call.int('axis', 0), first.shape.length)
  const total = parts.reduce((sum, { shape }) => sum + item(shape, axis), 0)
  return [
    make(first.dtype, first.shape.with(axis, total), (at) => {
      let rest = item(at, axis)
      for (const part of parts) {
        const side = item(part.shape, axis)
        if (rest < side) return read(part, at.with(axis, rest))
        rest -= side
      }
      throw new RangeError('past the last part')
    }),
  ]
}

const split: Op = (call) => {
  const x = call.get(0)
  const axis = axisOf(call.int('axis', 0), x.shape.length)
  const side = item(x.shape, axis)
  const given = call.maybe(1)
  const count = call.int('num_outputs', call.node.outputs.length)
  const chunk = Math.ceil(side / count)
  const sizes = given ? numbersOf(given) : Array.from({ length: count }, (_, i) => Math.min(chunk, side - i * chunk))
  let start = 0
  return sizes.map((size) => {
    const from = start
    start += size
    return make(x.dtype, x.shape.with(axis, size), (at) => read(x, at.with(axis, from + item(at, axis))))
  })
}

const depthToSpace: Op = (call) => {
  const x = call.get(0)
  const [n = 0, c = 0, h = 0, w = 0] = x.shape
  const block = call.int('blocksize', 1)
  const depth = c / block ** 2
  const columnsFirst = call.text('mode', 'DCR') === 'CRD'
  return [
    make(x.dtype, [n, depth, h * block, w * block], ([i = 0, channel = 0, y = 0, z = 0]) => {
      const within = (y % block) * block + (z % block)
      const from = columnsFirst ? channel * block ** 2 + within : within * depth + channel
      return read(x, [i, from, Math.floor(y / block), Math.floor(z / block)])
    }),
  ]
}

const spaceToDepth: Op = (call) => {
  const x = call.get(0)
  const [n = 0, c = 0, h = 0, w = 0] = x.shape
  const block = call.int('blocksize', 1)
  return [
    make(x.dtype, [n, c * block ** 2, h / block, w / block], ([i = 0, depth = 0, y = 0, z = 0]) => {
      const within = Math.floor(depth / c)
      return read(x, [i, depth % c, y * block + Math.floor(within / block), z * block + (within % block)])
    }),
  ]
}

const trilu: Op = (call) => {
  const x = call.get(0)
  const k = call.maybe(1)
  const offset = k ? scalarOf(k) : 0
  const upper = call.flag('upper', 1)
  const rank = x.shape.length
  return [
    make(x.dtype, x.shape, (at, place) => {
      const beyond = item(at, rank - 1) - item(at, rank - 2) - offset
      return (upper ? beyond >= 0 : beyond <= 0) ? item(x.data, place) : 0
    }),
  ]
}

const tile: Op = (call) => {
  const x = call.get(0)
  const repeats = numbersOf(call.get(1))
  const shape = x.shape.map((side, axis) => side * item(repeats, axis))
  return [
    make(x.dtype, shape, (at) =>
      read(
        x,
        at.map((i, axis) => i % item(x.shape, axis)),
      ),
    ),
  ]
}

const expand: Op = (call) => {
  const x = call.get(0)
  return [make(x.dtype, broadcast(x.shape, numbersOf(call.get(1))), (at) => readBroadcast(x, at))]
}

/** As it is in inference; in training only where nothing is dropped, since the reference draws no numbers. */
const dropout: Op = (call) => {
  const x = call.get(0)
  const [ratio, training] = [call.maybe(1), call.maybe(2)]
  if (training && scalarOf(training) !== 0 && (ratio ? scalarOf(ratio) : 0.5) !== 0) call.refuse('training with a ratio: feed a mask')
  const kept: Nd = make('bool', x.shape, () => 1)
  return [x, kept]
}

const reverseSequence: Op = (call) => {
  const x = call.get(0)
  const lengths = numbersOf(call.get(1))
  const batch = call.int('batch_axis', 1)
  const time = call.int('time_axis', 0)
  return [
    make(x.dtype, x.shape, (at) => {
      const length = item(lengths, item(at, batch))
      const t = item(at, time)
      return read(x, at.with(time, t < length ? length - 1 - t : t))
    }),
  ]
}

/** What moves elements and changes none. */
export const movement: Family = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
  Tile: tile,
  Expand: expand,
  Dropout: dropout,
  ReverseSequence: reverseSequence,
}
