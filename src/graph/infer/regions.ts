import type { Dim } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'

/** How many elements a slice of a side takes, with ends and signs as ONNX clamps them. */
const sliced = (side: number, start: number, end: number, step: number): number => {
  const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + side : at, low), high)
  const [from, to] = step > 0 ? [clamp(start, 0, side), clamp(end, 0, side)] : [clamp(start, 0, side - 1), clamp(end, -1, side - 1)]
  return Math.max(0, Math.ceil((to - from) / step))
}

// What exporters write for "to the end": at least this.
const FAR = 2 ** 31 - 1

const slicedSide = (side: Dim, start: Dim | undefined, end: Dim | undefined, step: Dim | undefined): Dim | undefined => {
  if (typeof step !== 'number') return undefined
  if (typeof side === 'number') return typeof start === 'number' && typeof end === 'number' ? sliced(side, start, end, step) : undefined
  const whole =
    step === 1
      ? start === 0 && (end === side || (typeof end === 'number' && end >= FAR))
      : step === -1 && start === -1 && typeof end === 'number' && end <= -FAR
  if (whole) return side
  // Sides are not known to be long enough for anything else but nothing at all.
  return start === 0 && end === 0 ? 0 : undefined
}

const slice: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  const [starts, ends] = [at.rank(1, 1), at.rank(2, 1)]
  const count = typeof starts.shape[0] === 'number' ? starts.shape[0] : ends.shape[0]
  if (typeof count !== 'number') return [{ dtype, shape: shape.map((_, i) => at.fresh(i)) }]
  const given = at.has(3) ? at.numbers(3) : Array.from({ length: count }, (_, i) => i)
  if (given === undefined) return [{ dtype, shape: shape.map((_, i) => at.fresh(i)) }]
  const axes = at.axes(given, shape.length)
  const unknown = Array.from({ length: count }, () => undefined)
  const [from, to] = [at.elements(1)?.values ?? unknown, at.elements(2)?.values ?? unknown]
  const steps = at.has(4) ? (at.elements(4)?.values ?? unknown) : Array.from({ length: count }, () => 1)
  if ([axes, from, to, steps].some(({ length }) => length !== count))
    throw at.wrong('its starts, ends, axes and steps differ in number', 'give one of each for each axis')
  if (steps.includes(0)) throw at.wrong('it has a step of 0', 'a step is from 1, or negative')
  return [{ dtype, shape: shape.map((side, i) => { const k = axes.indexOf(i); return k < 0 ? side : (slicedSide(side, from[k], to[k], steps[k]) ?? at.fresh(i)) }) }] // prettier-ignore
}

const pad: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  at.rank(1, 1)
  const pads = at.elements(1)?.values
  const given = at.opset >= 18 && at.has(3) ? at.numbers(3) : shape.map((_, i) => i)
  if (pads === undefined || given === undefined) return [{ dtype, shape: shape.map((_, i) => at.fresh(i)) }]
  const axes = at.axes(given, shape.length)
  if (pads.length !== 2 * axes.length) throw at.wrong(`it has ${pads.length} pads for ${axes.length} axes`, 'give begins and then ends')
  const padded = (side: Dim, i: number): Dim => {
    const k = axes.indexOf(i)
    const [begin, end] = [pads[k], pads[k + axes.length]]
    if (k < 0 || (begin === 0 && end === 0)) return side
    if (typeof side !== 'number' || typeof begin !== 'number' || typeof end !== 'number') return at.fresh(i)
    if (side + begin + end < 0) throw at.wrong(`it takes ${-begin - end} from a side of ${side}`, 'pad with numbers that leave something')
    return side + begin + end
  }
  return [{ dtype, shape: shape.map(padded) }]
}

/** Which axes a Resize acts on, and what it is given for them. */
const scaled = (at: NodeContext, shape: readonly Dim[], axes: readonly number[], scales: readonly (Dim | undefined)[]): readonly Dim[] =>
  shape.map((side, i) => {
    const k = axes.indexOf(i)
    const scale = k < 0 ? 1 : scales[k]
    if (scale === 1) return side
    return typeof side === 'number' && typeof scale === 'number' ? Math.floor(side * scale) : at.fresh(i)
  })

const resize: InferRule = (at) => {
  const { dtype, shape } = at.input(0)
  const axes = at.axes((at.opset >= 18 ? at.ints('axes') : undefined) ?? shape.map((_, i) => i), shape.length)
  const [scales, sizes] = [at.has(2) && at.optional(2)?.shape[0] !== 0 ? 2 : 0, at.has(3) ? 3 : 0]
  if ((scales === 0) === (sizes === 0)) throw at.wrong('it has both scales and sizes, or neither', 'give it one')
  const values = at.elements(scales + sizes)?.values ?? axes.map(() => undefined)
  if (values.length !== axes.length) throw at.wrong(`it has ${values.length} numbers for ${axes.length} axes`, 'give one for each')
  if (scales > 0) return [{ dtype, shape: scaled(at, shape, axes, values) }]
  const policy = at.attribute('keep_aspect_ratio_policy', 'string') ?? 'stretch'
  const stretched = shape.map((side, i) => { const k = axes.indexOf(i); return k < 0 ? side : (values[k] ?? at.fresh(i)) }) // prettier-ignore
  if (policy === 'stretch') return [{ dtype, shape: stretched }]
  const ratios = axes.map((axis) => Number(stretched[axis]) / Number(shape[axis]))
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
  // Half goes up here, where Math.round is the same for what is positive.
  return [
    {
      dtype,
      shape: shape.map((side, i) =>
        !axes.includes(i) ? side : Number.isNaN(ratio) || typeof side !== 'number' ? at.fresh(i) : Math.round(side * ratio),
      ),
    },
  ]
}

export const regions: Readonly<Record<string, InferRule>> = { Slice: slice, Pad: pad, Resize: resize }
