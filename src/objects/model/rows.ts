import { byteLengthOf, dtypes, type NumericDType } from '../../core/dtype.ts'
import { failure } from '../../core/errors.ts'
import { bytesOf, Tensor, tensorFromBytes } from '../../core/tensor.ts'

/** Bytes that joined outputs may take: those that are filled up may be far larger than what was computed. */
const MOST_BYTES = 2 ** 31

/** Elements by which a tensor may grow where it is filled up: how many are wanted, callers and models say. */
const MOST_FILLED = 2 ** 26

const checkFilled = (what: string, elements: number): void => {
  if (elements > MOST_FILLED)
    throw failure(
      'too-large',
      `${what} would be filled up with ${elements} elements, where ${MOST_FILLED} are the most: give whole runs, or smaller batches`,
    )
}

const product = (sides: readonly number[]): number => sides.reduce((total, side) => total * side, 1)
const isNumeric = (tensor: Tensor): tensor is Tensor<NumericDType> => tensor.dtype !== 'string'
const textsOf = (tensor: Tensor): readonly string[] => [...tensor.data].map(String)

/** The bits of an element; refused where they are less than a byte, since samples then do not begin at one. */
const widthOf = (tensor: Tensor<NumericDType>): number => {
  if (dtypes[tensor.dtype].bits < 8)
    throw failure(
      'unsupported',
      `tensors of ${tensor.dtype} cannot be cut into samples or joined: give one sample a call, or let a Cast node make them int8`,
    )
  return byteLengthOf(tensor.dtype, 1)
}

/** The elements of a tensor in `outer` runs of equal length, of which a part is taken or which are put beside others. */
const viewOf = (tensor: Tensor, axis: number) => {
  const outer = product(tensor.shape.slice(0, axis))
  return { outer, run: product(tensor.shape.slice(axis)), step: product(tensor.shape.slice(axis + 1)) }
}

/** The part of a tensor from one place of an axis to another; beyond its end the last place is repeated. */
export const cut = (tensor: Tensor, axis: number, from: number, to: number): Tensor => {
  const { outer, run, step } = viewOf(tensor, axis)
  const last = (tensor.shape[axis] ?? 1) - 1
  if (to - 1 > last) checkFilled(`an input of [${tensor.shape.join(', ')}]`, (to - 1 - last) * outer * step)
  const shape = tensor.shape.map((side, at) => (at === axis ? to - from : side))
  if (!isNumeric(tensor)) {
    const texts = textsOf(tensor)
    const part = Array.from({ length: outer }, (_, o) =>
      Array.from({ length: to - from }, (_, i) =>
        texts.slice(o * run + Math.min(from + i, last) * step, o * run + (Math.min(from + i, last) + 1) * step),
      ).flat(),
    ).flat()
    return new Tensor('string', part, shape)
  }
  const width = widthOf(tensor)
  const bytes = bytesOf(tensor)
  // The usual case: samples on the first axis, all there. A view will do.
  if (outer === 1 && to - 1 <= last) return tensorFromBytes(tensor.dtype, bytes.subarray(from * step * width, to * step * width), shape)
  const part = new Uint8Array(product(shape) * width)
  for (let o = 0, at = 0; o < outer; o++)
    for (let i = from; i < to; i++, at += step * width) {
      const start = (o * run + Math.min(i, last) * step) * width
      part.set(bytes.subarray(start, start + step * width), at)
    }
  return tensorFromBytes(tensor.dtype, part, shape)
}

/** Tensors one after the other along an axis; all other sides are equal. */
export const joined = (name: string, parts: readonly Tensor[], axis: number): Tensor => {
  const [first] = parts
  if (first === undefined) throw failure('tensor-mismatch', 'a batch of no samples')
  const odd = parts.find(
    (other) =>
      other.dtype !== first.dtype ||
      other.shape.length !== first.shape.length ||
      other.shape.some((side, at) => at !== axis && side !== first.shape[at]),
  )
  if (odd !== undefined)
    throw failure(
      'tensor-mismatch',
      `output "${name}" differs in shape within the batch: [${first.shape.join(', ')}] and [${odd.shape.join(', ')}]: run the samples one by one`,
    )
  const shape = first.shape.map((side, at) => (at === axis ? parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0) : side))
  const outer = product(shape.slice(0, axis))
  const runs = parts.map((part) => viewOf(part, axis).run)
  if (!isNumeric(first)) {
    const texts = parts.map(textsOf)
    const all = Array.from({ length: outer }, (_, o) => texts.flatMap((text, i) => text.slice(o * runs[i]!, (o + 1) * runs[i]!))).flat()
    return new Tensor('string', all, shape)
  }
  const width = widthOf(first)
  const total = product(shape) * width
  if (total > MOST_BYTES)
    throw failure('too-large', `output "${name}" of the batch takes ${total} bytes, where ${MOST_BYTES} are the most: use smaller batches`)
  const bytes = new Uint8Array(total)
  const sources = parts.map(bytesOf)
  for (let o = 0, at = 0; o < outer; o++)
    for (const [i, source] of sources.entries()) {
      const length = runs[i]! * width
      bytes.set(source.subarray(o * length, (o + 1) * length), at)
      at += length
    }
  return tensorFromBytes(first.dtype, bytes, shape)
}

/** The tensor with a side made longer by zeros, or empty texts. */
export const filled = (tensor: Tensor, axis: number, side: number): Tensor => {
  const have = tensor.shape[axis] ?? 0
  if (have >= side) return tensor
  const shape = tensor.shape.map((own, at) => (at === axis ? side - have : own))
  checkFilled('an output', product(shape))
  if (!isNumeric(tensor)) return joined('', [tensor, new Tensor('string', Array<string>(product(shape)).fill(''), shape)], axis)
  const bytes = byteLengthOf(tensor.dtype, product(shape))
  return joined('', [tensor, tensorFromBytes(tensor.dtype, new Uint8Array(bytes), shape)], axis)
}

/** The same elements with an axis of 1 in front. */
export const withAxis = (tensor: Tensor): Tensor => new Tensor(tensor.dtype, tensor.data, [1, ...tensor.shape])

export const countsOf = (counts: readonly number[]): Tensor => new Tensor('int64', BigInt64Array.from(counts, BigInt), [counts.length])
