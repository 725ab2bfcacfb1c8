import { createHash } from 'node:crypto'
import { failure } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'

/** How an image is fitted into a size: see sharp's `fit`. */
export const fits = ['fill', 'cover', 'contain', 'inside'] as const
export const kernels = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const
export const outputDtypes = ['uint8', 'float32', 'float64', 'float16'] as const

/** One step of a pipeline. Sizes are in pixels. */
export type Op =
  /** JPEG, PNG or WebP to 8-bit pixels, turned upright by their EXIF orientation. `channels`: 3 (sRGB, default) or 1 (grey). */
  | { readonly op: 'decode'; readonly channels?: 1 | 3 }
  /** `fit` default `fill`, `kernel` default `lanczos3`, `background` (for `contain`) default black. */
  | {
      readonly op: 'resize'
      readonly width: number
      readonly height: number
      readonly fit?: (typeof fits)[number]
      readonly kernel?: (typeof kernels)[number]
      readonly background?: readonly number[]
    }
  | { readonly op: 'center-crop'; readonly width: number; readonly height: number }
  | { readonly op: 'random-crop'; readonly width: number; readonly height: number }
  /** Mirrors left and right (`horizontal`, default) or top and bottom, with `probability` (default 0.5). */
  | { readonly op: 'flip'; readonly axis?: 'horizontal' | 'vertical'; readonly probability?: number }
  /** (pixel * scale - mean) / std, per channel. Defaults: scale 1/255, mean 0, std 1. */
  | {
      readonly op: 'normalize'
      readonly scale?: number
      readonly mean?: number | readonly number[]
      readonly std?: number | readonly number[]
    }
  /** Default NCHW. */
  | { readonly op: 'layout'; readonly order: 'NCHW' | 'NHWC' }
  /** Default float32 after `normalize`, else uint8. */
  | { readonly op: 'dtype'; readonly dtype: (typeof outputDtypes)[number] }

/** A preprocessing pipeline: plain data that travels, with the hash of its content as its identity. */
export interface PipelineSpec {
  readonly ops: readonly Op[]
}

const MOST_OPS = 64
const MOST_SIDE = 16_384

type Check = (value: unknown, channels: number) => string | undefined
const side: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= MOST_SIDE ? undefined : `a whole number from 1 to ${MOST_SIDE}`
const oneOf =
  (words: readonly (string | number)[]): Check =>
  (value) =>
    words.some((word) => word === value) ? undefined : `one of ${words.join(', ')}`
const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const perChannel =
  (rule: string, fits: (value: number) => boolean): Check =>
  (value, channels) => {
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [value]
    const good = numbers.every((each) => finite(each) && fits(each)) && (!Array.isArray(value) || value.length === channels)
    return good ? undefined : `${rule}, or a list of ${channels}, one a channel`
  }

const rgb: Check = (value) =>
  Array.isArray(value) && value.length === 3 && value.every((each: unknown) => finite(each) && each >= 0 && each <= 255)
    ? undefined
    : 'a list of three numbers from 0 to 255'

interface OpRule {
  readonly required: Readonly<Record<string, Check>>
  readonly optional: Readonly<Record<string, Check>>
  /** Ops stand in the order of their phases. */
  readonly phase: number
}
const size = { width: side, height: side }
const rules: Readonly<Record<Op['op'], OpRule>> = {
  decode: { required: {}, optional: { channels: oneOf([1, 3]) }, phase: 0 },
  resize: {
    required: size,
    optional: { fit: oneOf(fits), kernel: oneOf(kernels), background: rgb },
    phase: 1,
  },
  'center-crop': { required: size, optional: {}, phase: 1 },
  'random-crop': { required: size, optional: {}, phase: 1 },
  flip: {
    required: {},
    optional: {
      axis: oneOf(['horizontal', 'vertical']),
      probability: (value) => (finite(value) && value >= 0 && value <= 1 ? undefined : 'a number from 0 to 1'),
    },
    phase: 1,
  },
  normalize: {
    required: {},
    optional: {
      scale: (value) => (finite(value) ? undefined : 'a number'),
      mean: perChannel('a number', () => true),
      std: perChannel('a number above 0', (each) => each > 0),
    },
    phase: 2,
  },
  layout: { required: { order: oneOf(['NCHW', 'NHWC']) }, optional: {}, phase: 3 },
  dtype: { required: { dtype: oneOf(outputDtypes) }, optional: {}, phase: 3 },
}
const opNames = Object.keys(rules)
const isOpName = (name: string): name is Op['op'] => Object.hasOwn(rules, name)

const refuse = (place: string, what: string) => failure('invalid-argument', `pipeline ${place}: ${what}`)
const meant = (word: string, known: readonly string[]) => {
  const near = nearest(word, known)
  return near === undefined ? `use one of ${known.join(', ')}` : `did you mean "${near}"?`
}

/**
 * Checks a spec that came from outside.
 * @throws ActiveStorageError `invalid-argument`, naming the op and field, and what would be right
 */
export function checkPipeline(spec: unknown): asserts spec is PipelineSpec {
  if (typeof spec !== 'object' || spec === null || !('ops' in spec) || !Array.isArray(spec.ops)) throw refuse('', 'use { "ops": [ ... ] }')
  const ops: readonly unknown[] = spec.ops
  const stray = Object.keys(spec).find((key) => key !== 'ops')
  if (stray !== undefined) throw refuse(stray, 'a spec has nothing but "ops"')
  if (ops.length > MOST_OPS) throw refuse('ops', `${ops.length} ops; the most is ${MOST_OPS}`)
  let phase = 0
  let channels = 3
  const seen = new Set<string>()
  ops.forEach((op, index) => {
    const place = `ops[${index}]`
    if (typeof op !== 'object' || op === null || !('op' in op) || typeof op.op !== 'string') throw refuse(place, 'use { "op": NAME, ... }')
    const name = op.op
    if (!isOpName(name)) throw refuse(`${place}.op`, `"${name.slice(0, 40)}" is no op: ${meant(name, opNames)}`)
    const rule = rules[name]
    if (name === 'decode' && 'channels' in op && op.channels === 1) channels = 1
    const fields: Readonly<Record<string, Check>> = { ...rule.required, ...rule.optional }
    for (const [key, value] of Object.entries(op)) {
      if (key === 'op' || value === undefined) continue
      const check = Object.hasOwn(fields, key) ? fields[key] : undefined
      if (check === undefined) throw refuse(`${place}.${key}`, `${name} has no such field: ${meant(key, Object.keys(fields))}`)
      const wanted = check(value, channels)
      if (wanted !== undefined) throw refuse(`${place}.${key}`, `${JSON.stringify(value)?.slice(0, 60)} will not do: use ${wanted}`)
    }
    for (const key of Object.keys(rule.required)) if (!(key in op)) throw refuse(`${place}.${key}`, `${name} needs it`)
    if (rule.phase < phase)
      throw refuse(place, `${name} comes too late: decode first, then resize, crop and flip, then normalize, then layout and dtype`)
    if (rule.phase !== 1 && seen.has(name)) throw refuse(place, `a second ${name}`)
    if (name === 'dtype' && 'dtype' in op && op.dtype === 'uint8' && seen.has('normalize'))
      throw refuse(`${place}.dtype`, 'normalized pixels are no whole numbers: use float32, or leave normalize out')
    seen.add(name)
    phase = rule.phase
  })
  const inside = ops.findLastIndex((op) => typeof op === 'object' && op !== null && 'fit' in op && op.fit === 'inside')
  if (
    inside >= 0 &&
    !ops
      .slice(inside + 1)
      .some((op) => typeof op === 'object' && op !== null && 'op' in op && ['resize', 'center-crop', 'random-crop'].includes(String(op.op)))
  ) {
    throw refuse(
      `ops[${inside}].fit`,
      'with "inside" each sample keeps a size of its own, and a batch needs one: crop after it, or use "contain"',
    )
  }
}

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

/** Layout and dtype of what a spec yields, given or by default. */
export const outputFormat = (spec: PipelineSpec) => ({
  order: spec.ops.find((op) => op.op === 'layout')?.order ?? ('NCHW' as const),
  dtype:
    spec.ops.find((op) => op.op === 'dtype')?.dtype ??
    (spec.ops.some(({ op }) => op === 'normalize') ? ('float32' as const) : ('uint8' as const)),
})

/** Every op with its defaults written out and its keys in order; layout and dtype last, whether they were given or not. */
const canonical = (spec: PipelineSpec): unknown => {
  const defaults: Readonly<Record<Op['op'], object>> = {
    decode: { channels: 3 },
    resize: { fit: 'fill', kernel: 'lanczos3', background: [0, 0, 0] },
    'center-crop': {},
    'random-crop': {},
    flip: { axis: 'horizontal', probability: 0.5 },
    normalize: { scale: 1 / 255, mean: 0, std: 1 },
    layout: {},
    dtype: {},
  }
  const { order, dtype } = outputFormat(spec)
  const written = spec.ops.filter(({ op }) => op !== 'layout' && op !== 'dtype')
  // A key that is undefined is a key left out.
  const given = (op: Op) => Object.fromEntries(Object.entries(op).filter(([, value]) => value !== undefined))
  return [...written.map((op) => Object.entries({ ...defaults[op.op], ...given(op) }).sort(([a], [b]) => (a < b ? -1 : 1))), order, dtype]
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
