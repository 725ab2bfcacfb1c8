import type { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import type { Feeds, MovableSelf } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import { fromHalf, toHalf } from '../../core/half.ts'
import { prefetching } from '../loader/prefetching.ts'
import { familyOf } from '../pipeline/families.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'

/** What the frozen part of a model gives of each sample, computed once. */
export interface Features {
  /** The rows of some samples, by their places. */
  rows(places: readonly number[]): Feeds
  readonly bytes: number
}

/** `exact`: as they were computed. `float16`: in half of the memory, rounded to 11 bits. */
export type Keeping = 'exact' | 'float16'

/** The most that features may take, in memory. */
const MOST_BYTES = 2 * 1024 ** 3
const TOGETHER = 64

/** Ops whose result differs from one epoch to the next. */
const RANDOM = new Set(['random-crop', 'flip', 'neighbours'])

/** @throws `invalid-argument` for a pipeline that gives other values in each epoch */
export const checkRepeats = (spec: PipelineSpec): void => {
  familyOf(spec)
  const drawn = spec.ops.find(({ op }) => RANDOM.has(op))
  if (drawn !== undefined)
    throw failure(
      'invalid-argument',
      `features are kept, and op ${drawn.op} draws anew in each epoch: leave it out, or train without \`features\``,
    )
}

interface Column {
  readonly name: string
  readonly shape: readonly number[]
  readonly width: number
  readonly data: Float32Array | Uint16Array
}

/** Runs the frozen part over samples, as many at a time as are read together. */
export const featuresOf = async (
  self: MovableSelf,
  backbone: { readonly file: ContentRef; readonly at: readonly string[] },
  count: number,
  batchAt: (places: readonly number[]) => Promise<Feeds>,
  keeping: Keeping,
): Promise<Features> => {
  const model = { hash: backbone.file.hash, file: backbone.file, external: [] }
  const columns = new Map<string, Column>()
  let bytes = 0
  const column = (name: string, { shape }: Tensor): Column => {
    const known = columns.get(name)
    if (known !== undefined) return known
    const width = shape.slice(1).reduce((product, side) => product * side, 1)
    bytes += count * width * (keeping === 'float16' ? 2 : 4)
    if (bytes > MOST_BYTES)
      throw failure(
        'too-large',
        `the features of ${count} samples take more than ${MOST_BYTES} bytes: keep them as float16, freeze more of the model, or train without \`features\``,
      )
    const made = {
      name,
      width,
      shape: shape.slice(1),
      data: keeping === 'float16' ? new Uint16Array(count * width) : new Float32Array(count * width),
    }
    columns.set(name, made)
    return made
  }
  const groups = Math.ceil(count / TOGETHER)
  const placesOf = (group: number) => Array.from({ length: Math.min(TOGETHER, count - group * TOGETHER) }, (_, i) => group * TOGETHER + i)
  const made = prefetching(groups, 1, async (group) => {
    const places = placesOf(group)
    return { places, outputs: await self.compute.run(model, await batchAt(places), self.signal) }
  })
  for await (const { places, outputs } of made) {
    for (const name of backbone.at) {
      const tensor = outputs[name]
      if (tensor === undefined || tensor.shape[0] !== places.length)
        throw failure('unsupported', `"${name}", where the frozen part ends, does not have a row for each sample`)
      const { data, width } = column(name, tensor)
      const values = tensor.data
      if (!(values instanceof Float32Array))
        throw failure('unsupported', `"${name}", where the frozen part ends, is ${tensor.dtype}: only float32 is kept`)
      const from = (places[0] ?? 0) * width
      if (data instanceof Float32Array) data.set(values, from)
      else for (const [i, value] of values.entries()) data[from + i] = toHalf(value)
    }
  }
  return {
    bytes,
    rows(places) {
      const feeds: Record<string, Tensor> = {}
      for (const { name, shape, width, data } of columns.values()) {
        const rows = new Float32Array(places.length * width)
        for (const [i, place] of places.entries()) {
          const row = data.subarray(place * width, (place + 1) * width)
          if (row instanceof Float32Array) rows.set(row, i * width)
          else for (const [j, half] of row.entries()) rows[i * width + j] = fromHalf(half)
        }
        feeds[name] = new Tensor('float32', rows, [places.length, ...shape])
      }
      return feeds
    },
  }
}
