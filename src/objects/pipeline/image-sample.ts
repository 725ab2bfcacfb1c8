import { failureWith } from '../../core/errors.ts'
import { checkLook, decode, type Geometric, isGeometric, type Work } from './decode.ts'
import { type ImageHeader, imageHeader } from './image-header.ts'
import { shapeInPool, withinBudget } from './image-pool.ts'
import type { Op } from './ops.ts'
import type { Mirror, Pixels } from './pack.ts'
import { filters } from './resample/filters.ts'
import { shapePixels } from './shape.ts'

export interface Shaped {
  readonly pixels: Pixels
  readonly mirror: Mirror
}
/** What is done to one sample: the geometric ops before `upTo`, and `decode` where it is a file. */
export interface SampleWork {
  readonly id: string
  readonly input: Uint8Array | Pixels
  readonly upTo: number
}

const geometricOf = (ops: readonly Op[], upTo: number): readonly (readonly [index: number, op: Geometric])[] =>
  ops.flatMap((op, index) => (index < upTo && isGeometric(op) ? [[index, op] as const] : []))

/** Multiplications up to which a sample stays on the calling thread: some 0.1 ms, what a message to another costs too. */
const SMALL_WORK = 250_000

type Header = Pick<ImageHeader, 'width' | 'height' | 'components'>

/** Multiplications of the resizes and colour formulas, roughly. */
const workOf = ({ spec: { ops } }: Work, { input, upTo }: SampleWork, header: Header): number => {
  let { width, height } = header
  const channels = input instanceof Uint8Array ? (ops.find((op) => op.op === 'decode')?.channels ?? 3) : input.channels
  let work = input instanceof Uint8Array && (channels === 1 || header.components === 4) ? 4 * width * height : 0
  for (const [, op] of geometricOf(ops, upTo)) {
    if (op.op === 'resize') {
      const { kernel = 'lanczos3' } = op
      const taps = kernel === 'nearest' ? 1 : 2 * filters[kernel].support
      work += taps * channels * (Math.max(width, op.width) * height + op.width * Math.max(height, op.height))
    }
    if (op.op !== 'flip') ({ width, height } = op)
  }
  return work
}

/** Decodes and shapes a sample on this thread; sharp itself works on others. */
export const shapeHere = async (work: Work, { id, input, upTo }: SampleWork): Promise<Shaped> => {
  const ops = geometricOf(work.spec.ops, upTo)
  const { pixels, size, done } = input instanceof Uint8Array ? await decode(work, id, input, ops) : { pixels: input }
  const { key, maxPixels } = work
  return shapePixels(pixels, done === undefined ? ops : ops.slice(1), { id, key, maxPixels, ...(size !== undefined && { size }) })
}

/** The same, in a worker where it would hold this thread up. The values are the same. */
export const shapeSample = async (work: Work, sample: SampleWork): Promise<Shaped> => {
  if (sample.input instanceof Uint8Array) checkLook(sample.id, sample.input)
  const { input } = sample
  const header: Header | undefined = input instanceof Uint8Array ? imageHeader(input) : input
  const { spec, key, maxPixels, held } = work
  // Where the header cannot be read, the decoder says why.
  const pixels = header === undefined ? 0 : header.width * header.height
  if (pixels > held && pixels <= maxPixels) throw tooManyPixels(`sample "${sample.id}" has`, held)
  const made = Math.max(0, ...spec.ops.map((op) => ('width' in op ? op.width * op.height : 0)))
  const small = header !== undefined && workOf(work, sample, header) <= SMALL_WORK
  return withinBudget(Math.min(maxPixels, pixels) + made, held, () =>
    small ? shapeHere(work, sample) : shapeInPool({ spec, key, maxPixels, held, ...sample }),
  )
}

/** What an image is refused with that another host may have the memory for. */
export const tooManyPixels = (what: string, most: number) =>
  failureWith(
    'resource-exhausted',
    `${what} more than the ${most} pixels that this site has memory for at a time: make it smaller, use another site, or start the node with more --memory`,
    { retryAfterMs: 1000 },
  )
