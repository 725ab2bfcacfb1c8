import { createHash } from 'node:crypto'
import { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import { imageDtypes, type Op, type PipelineSpec } from './ops.ts'
import { checkPipeline } from './rules.ts'

export type { Op, PipelineSpec } from './ops.ts'
export { checkPipeline } from './rules.ts'

/** A spec from the text of a JSON file. @throws ActiveStorageError `invalid-argument` */
export const parseSpec = (text: string, file: string): PipelineSpec => {
  const parsed = (): unknown => {
    try {
      return JSON.parse(text)
    } catch (error) {
      throw failure('invalid-argument', `${file}: ${error instanceof Error ? error.message : String(error)}`, error)
    }
  }
  const spec = parsed()
  const wrapped: unknown = Array.isArray(spec) ? { ops: spec } : spec
  checkPipeline(wrapped)
  return wrapped
}

/** A spec, where that may be its ops alone. */
export const specOf = (given: readonly Op[] | PipelineSpec): PipelineSpec => ('ops' in given ? given : { ops: given })

const orderOf = (spec: PipelineSpec) => spec.ops.find((op) => op.op === 'layout')?.order ?? 'NCHW'
const dtypeOf = (spec: PipelineSpec) =>
  spec.ops.find((op) => op.op === 'dtype')?.dtype ?? (spec.ops.some(({ op }) => op === 'normalize') ? 'float32' : 'uint8')

/** Layout and dtype of the images that a spec yields, given or by default. @throws `invalid-argument` for a dtype of no image */
export const outputFormat = (spec: PipelineSpec) => {
  const given = dtypeOf(spec)
  const dtype = imageDtypes.find((each) => each === given)
  if (dtype === undefined) throw failure('invalid-argument', `pipeline dtype: pixels become one of ${imageDtypes.join(', ')}, not ${given}`)
  return { order: orderOf(spec), dtype }
}

/**
 * Goes up when `decode` or `resize` give other values for the same spec, so that what was made before has another hash.
 * 2: values as in the file without its colour profile, grey by ITU-R 601-2, the resize of docs/ops.md.
 */
export const VALUES = 2

/** Every op with its defaults written out and its keys in order; layout and dtype last, whether they were given or not. */
const canonical = (spec: PipelineSpec): unknown => {
  const defaults: Readonly<Record<Op['op'], object>> = {
    decode: { channels: 3, values: VALUES },
    resize: { fit: 'fill', kernel: 'lanczos3', background: [0, 0, 0], values: VALUES },
    'center-crop': {},
    'random-crop': {},
    flip: { axis: 'horizontal', probability: 0.5 },
    normalize: { scale: 1 / 255, mean: 0, std: 1 },
    layout: {},
    dtype: {},
    tensor: { series: false },
    window: { stride: 1, label: 'last' },
    standardize: {},
    tokenize: { lowercase: true },
    pad: { value: 0, output: 'mask' },
    neighbours: {},
  }
  const written = spec.ops.filter(({ op }) => op !== 'layout' && op !== 'dtype')
  // A key that is undefined is a key left out.
  const given = (op: Op) =>
    Object.fromEntries(
      Object.entries(op)
        // No border is no field: a spec without one had its hash before there were borders. The same of `fast`.
        .filter(([key, value]) => value !== undefined && !(key === 'padding' && value === 0) && !(key === 'fast' && value === false))
        // Content is what it holds, wherever it lies.
        .map(([key, value]: [string, unknown]) => [key, value instanceof ContentRef ? { content: value.hash } : value]),
    )
  return [
    ...written.map((op) => Object.entries({ ...defaults[op.op], ...given(op) }).sort(([a], [b]) => (a < b ? -1 : 1))),
    orderOf(spec),
    dtypeOf(spec),
  ]
}

// Loaders ask for the hash of one spec again and again.
const hashes = new WeakMap<PipelineSpec, string>()

/** SHA-256 of the spec, 64 hexadecimal digits: the same for the same work, however it was written down. */
export const pipelineHash = (spec: PipelineSpec): string => {
  const known = hashes.get(spec)
  if (known !== undefined) return known
  const hash = createHash('sha256')
    .update(JSON.stringify(canonical(spec)))
    .digest('hex')
  hashes.set(spec, hash)
  return hash
}
