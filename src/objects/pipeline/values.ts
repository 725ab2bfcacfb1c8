import { ContentRef } from '../../core/content.ts'
import { byteLengthOf, type DataOf, type DType, dtypes } from '../../core/dtype.ts'
import { failure } from '../../core/errors.ts'
import { mapSliced, nextSlice, rangeSliced, sliceIsOver } from '../../core/slices.ts'
import { Tensor } from '../../core/tensor.ts'
import type { Op, PipelineSpec } from './ops.ts'
import { castTo, elementValue } from './cast.ts'
import { wordsOf } from './words.ts'

/** A sample's own bytes. */
export interface SampleBytes {
  readonly id: string
  readonly bytes: Uint8Array
}
type Named = Readonly<Record<string, Tensor>>
type Numbers = Exclude<DataOf<DType>, readonly string[]>

const find = <N extends Op['op']>(spec: PipelineSpec, name: N) => spec.ops.find((op): op is Extract<Op, { op: N }> => op.op === name)

const MOST_VALUES = 2 ** 29
const arrayOf = (dtype: Exclude<DType, 'string'>, size: number): Numbers => {
  if (size > MOST_VALUES) throw failure('too-large', `a batch of ${size} values: make it smaller`)
  return new dtypes[dtype].array(size)
}

/** What `pad` gives beside the data. */
const padding = (op: Extract<Op, { op: 'pad' }>, lengths: readonly number[]): Named => {
  if (op.output === 'lengths') return { lengths: new Tensor('int64', BigInt64Array.from(lengths, BigInt), [lengths.length]) }
  if (op.output === 'none') return {}
  const mask = new Float32Array(lengths.length * op.length)
  lengths.forEach((length, index) => mask.fill(1, index * op.length, index * op.length + length))
  return { mask: new Tensor('float32', mask, [lengths.length, op.length]) }
}

/** Of what `padding` will make. */
const maskBytes = (op: Extract<Op, { op: 'pad' }> | undefined, count: number): number =>
  op === undefined || op.output === 'none' || op.output === 'lengths' ? 0 : 4 * count * op.length

const notHeld = (id: string, value: number | bigint, at: number, dtype: string) =>
  failure('bad-sample', `sample "${id}" holds ${value} at ${at}, which ${dtype} does not hold: choose another dtype, or correct the sample`)

/** Numbers as they lie in a file, to a batch: standardized, padded and cast on the way, in one pass. */
export const runValues = async (
  spec: PipelineSpec,
  samples: readonly SampleBytes[],
  reserve: (bytes: number) => void = () => undefined,
): Promise<Tensor | Named> => {
  const tensor = find(spec, 'tensor')
  if (tensor === undefined)
    throw failure('invalid-argument', 'pipeline ops[0]: say what the bytes of a sample are with { "op": "tensor", ... }')
  const [window, standardize, pad] = [find(spec, 'window'), find(spec, 'standardize'), find(spec, 'pad')]
  const step = tensor.shape.reduce((product, side) => product * side, 1)
  const stepBytes = byteLengthOf(tensor.dtype, step)
  const along = tensor.series === true || window !== undefined
  const lengths = samples.map(({ id, bytes }) => {
    const steps = bytes.byteLength / stepBytes
    if (!Number.isInteger(steps) || (!along && steps !== 1))
      throw failure(
        'bad-sample',
        `sample "${id}" has ${bytes.byteLength} bytes; ${tensor.dtype} [${tensor.shape.join(', ')}] are ${stepBytes}: compare ops[0] with the layout that the data set describes`,
      )
    if (window !== undefined && steps !== window.length)
      throw failure(
        'bad-sample',
        `sample "${id}" has ${steps} steps, a window ${window.length}: list the data set with { window: { length: ${window.length} } }, as loaders do`,
      )
    return steps
  })
  const [first = 0] = lengths
  const odd = pad === undefined ? lengths.findIndex((steps) => steps !== first) : -1
  if (odd >= 0)
    throw failure(
      'bad-sample',
      `sample "${samples[odd]!.id}" has ${lengths[odd]} steps, sample "${samples[0]!.id}" of the same batch ${first}: end the pipeline with pad, or take windows`,
    )
  const length = pad?.length ?? first
  const kept = lengths.map((steps) => Math.min(steps, length))
  const width = tensor.shape.at(-1) ?? 1
  const listed = [standardize?.mean, standardize?.std].find((each) => typeof each === 'object' && each.length !== width)
  if (typeof listed === 'object')
    throw failure(
      'invalid-argument',
      `pipeline standardize: a list of ${listed.length} for a last axis of ${width}: give one number for each place`,
    )

  const dtype = find(spec, 'dtype')?.dtype ?? (standardize === undefined ? tensor.dtype : 'float32')
  const size = length * step
  reserve(byteLengthOf(dtype, samples.length * size) + byteLengthOf(tensor.dtype, size) + maskBytes(pad, samples.length))
  const out = arrayOf(dtype, samples.length * size)
  const values = arrayOf(tensor.dtype, size)
  const raw = new Uint8Array(values.buffer)
  const place = (given: number | readonly number[] | undefined, fallback: number) =>
    Float64Array.from({ length: width }, (_, index) => (typeof given === 'object' ? given[index]! : (given ?? fallback)))
  const [mean, std] = [place(standardize?.mean, 0), place(standardize?.std, 1)]
  const same = dtype === tensor.dtype && standardize === undefined
  const [valueOf, cast] = [elementValue(tensor.dtype), castTo(dtype)]
  const filler = cast(pad?.value ?? 0)
  if (filler === undefined) throw failure('invalid-argument', `pipeline pad.value ${pad?.value} is no ${dtype}: use a number that it holds`)
  for (const [index, { id, bytes }] of samples.entries()) {
    if (sliceIsOver()) await nextSlice()
    const base = index * size
    const count = kept[index]! * step
    raw.set(bytes.subarray(0, kept[index]! * stepBytes))
    if (same) {
      // As they are: whole numbers of 64 bits do not go through doubles.
      out.set(values.subarray(0, count) as never, base) // oxlint-disable-line typescript/no-unsafe-type-assertion -- both hold the same dtype
    } else {
      const convert = (from: number, to: number) => {
        for (let at = from; at < to; at++) {
          const given = valueOf(values[at]!)
          const made = cast(standardize === undefined ? given : (Number(given) - mean[at % width]!) / std[at % width]!)
          if (made === undefined) throw notHeld(id, given, at, dtype)
          out[base + at] = made as never // oxlint-disable-line typescript/no-unsafe-type-assertion -- made for this dtype
        }
      }
      await rangeSliced(count, convert)
    }
    if (count < size && pad?.value !== undefined) out.fill(filler as never, base + count, base + size) // oxlint-disable-line typescript/no-unsafe-type-assertion -- made for this dtype
  }
  const shape = [samples.length, ...(along || pad !== undefined ? [length] : []), ...tensor.shape]
  const data = new Tensor<DType>(dtype, out, shape)
  return pad === undefined || pad.output === 'none' ? data : { data, ...padding(pad, kept) }
}

const FIRST_TOKEN = 2
const UNKNOWN = 1

/** The numbers of words by a vocabulary: parsed once for each. */
const numbered = new WeakMap<object, ReadonlyMap<string, number>>()
const numbersOf = (words: readonly string[]): ReadonlyMap<string, number> => {
  const known = numbered.get(words)
  if (known !== undefined) return known
  const made = new Map(words.map((word, index) => [word, index + FIRST_TOKEN]))
  numbered.set(words, made)
  return made
}

/** The words of a vocabulary that is content. @throws `bad-sample` */
export const parseVocabulary = (bytes: Uint8Array): readonly string[] => {
  const parsed = (): unknown => {
    try {
      return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
    } catch {
      return undefined
    }
  }
  const words = parsed()
  if (Array.isArray(words) && words.length <= 65_536 && words.every((word): word is string => typeof word === 'string')) return words
  throw failure('bad-sample', 'the content of the vocabulary is no list of words: use what buildVocabulary of a data set gave')
}

/** Tokens of a dtype of whole numbers. */
const castTokens = async (
  tokens: DataOf<'int64'>,
  shape: readonly [number, number],
  dtype: Exclude<DType, 'string'>,
  samples: readonly SampleBytes[],
): Promise<Tensor> => {
  if (dtype === 'int64') return new Tensor('int64', tokens, shape)
  const out = arrayOf(dtype, tokens.length)
  const cast = castTo(dtype)
  await rangeSliced(tokens.length, (from, to) => {
    for (let index = from; index < to; index++) {
      const token = tokens[index]!
      const made = cast(token)
      if (made === undefined) throw notHeld(samples[Math.floor(index / shape[1])]!.id, token, index % shape[1], dtype)
      out[index] = made as never // oxlint-disable-line typescript/no-unsafe-type-assertion -- made for this dtype
    }
  })
  return new Tensor<DType>(dtype, out, shape)
}

/** Texts to a batch of tokens. @param words of the vocabulary, where it is content */
export const runText = async (
  spec: PipelineSpec,
  samples: readonly SampleBytes[],
  words: readonly string[] | undefined,
  reserve: (bytes: number) => void = () => undefined,
): Promise<Tensor | Named> => {
  const [tokenize, pad] = [find(spec, 'tokenize'), find(spec, 'pad')]
  if (tokenize === undefined || pad === undefined) throw failure('invalid-argument', 'pipeline ops: texts need tokenize, then pad')
  const { length, value = 0 } = pad
  const dtype = find(spec, 'dtype')?.dtype ?? 'int64'
  const count = samples.length * length
  reserve(byteLengthOf('int64', count) + (dtype === 'int64' ? 0 : byteLengthOf(dtype, count)) + maskBytes(pad, samples.length))
  const tokens = arrayOf('int64', count)
  if (!(tokens instanceof BigInt64Array)) throw failure('internal', 'int64 is held in no BigInt64Array')
  if (!Number.isSafeInteger(value)) throw failure('invalid-argument', `pipeline pad.value ${value}: tokens are whole numbers`)
  if (value !== 0) tokens.fill(BigInt(value))
  const { vocabulary, lowercase = true } = tokenize
  const given = vocabulary === undefined || vocabulary instanceof ContentRef ? words : vocabulary
  const numbers = tokenize.level === 'word' ? numbersOf(given ?? []) : undefined
  const lengths = await mapSliced(samples, ({ bytes }, index) => {
    const base = index * length
    if (numbers === undefined) {
      const count = Math.min(bytes.byteLength, length)
      for (let at = 0; at < count; at++) {
        const byte = bytes[at]!
        tokens[base + at] = BigInt((lowercase && byte >= 65 && byte <= 90 ? byte + 32 : byte) + FIRST_TOKEN)
      }
      return count
    }
    const found = wordsOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), lowercase)
    const count = Math.min(found.length, length)
    for (let at = 0; at < count; at++) tokens[base + at] = BigInt(numbers.get(found[at]!) ?? UNKNOWN)
    return count
  })
  const made = await castTokens(tokens, [samples.length, length], dtype, samples)
  return pad.output === 'none' ? made : { tokens: made, ...padding(pad, lengths) }
}
