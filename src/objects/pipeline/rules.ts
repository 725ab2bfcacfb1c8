import { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { featureForms } from '../dataset/graph/sample-neighbours.ts'
import { windowLabels } from '../dataset/windows.ts'
import { integerDtypes } from './cast.ts'
import { families, type Family, familyOf } from './families.ts'
import { fits, imageDtypes, inputDtypes, kernels, type Op, outputDtypes, padOutputs, type PipelineSpec } from './ops.ts'

const MOST_OPS = 64
const MOST_SIDE = 16_384
const MOST_LENGTH = 1_048_576
const MOST_WORDS = 65_536

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

const whole =
  (least: number, most: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most ? undefined : `a whole number from ${least} to ${most}`
const truth: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false')
const listOf =
  (item: Check, rule: string, least: number, most: number): Check =>
  (value, channels) =>
    Array.isArray(value) &&
    value.length >= least &&
    value.length <= most &&
    value.every((each: unknown) => item(each, channels) === undefined)
      ? undefined
      : rule
const numbers =
  (rule: string, fits: (value: number) => boolean): Check =>
  (value) =>
    (Array.isArray(value) ? value.length > 0 && value.length <= MOST_SIDE : true) &&
    [value].flat().every((each: unknown) => finite(each) && fits(each))
      ? undefined
      : `${rule}, or a list of them, one for each place of the last axis`
const vocabulary: Check = (value) =>
  value instanceof ContentRef ||
  (Array.isArray(value) && value.length > 0 && value.length <= MOST_WORDS && value.every((word) => typeof word === 'string'))
    ? undefined
    : `the content that buildVocabulary of a data set gave, or a list of 1 to ${MOST_WORDS} words`

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
  decode: { required: {}, optional: { channels: oneOf([1, 3]), fast: truth }, phase: 0 },
  resize: {
    required: size,
    optional: { fit: oneOf(fits), kernel: oneOf(kernels), background: rgb },
    phase: 1,
  },
  'center-crop': { required: size, optional: {}, phase: 1 },
  'random-crop': { required: size, optional: { padding: whole(0, 1024) }, phase: 1 },
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
  tensor: {
    required: {
      dtype: oneOf(inputDtypes),
      shape: listOf(whole(1, MOST_LENGTH), 'a list of at most 8 whole numbers from 1, the shape of one sample', 0, 8),
    },
    optional: { series: truth },
    phase: 0,
  },
  window: {
    required: { length: whole(1, MOST_LENGTH) },
    optional: { stride: whole(1, MOST_LENGTH), label: oneOf(windowLabels) },
    phase: 1,
  },
  standardize: {
    required: { mean: numbers('a number', () => true), std: numbers('a number above 0', (each) => each > 0) },
    optional: {},
    phase: 2,
  },
  tokenize: { required: { level: oneOf(['word', 'byte']) }, optional: { vocabulary, lowercase: truth }, phase: 0 },
  pad: {
    required: { length: whole(1, MOST_LENGTH) },
    optional: { value: (value) => (finite(value) ? undefined : 'a number'), output: oneOf(padOutputs) },
    phase: 3,
  },
  neighbours: {
    required: { fanouts: listOf(whole(1, 1024), 'a list of 1 to 8 whole numbers from 1 to 1024, one a hop', 1, 8) },
    optional: { features: oneOf(featureForms), maxWords: whole(1, MOST_SIDE) },
    phase: 0,
  },
}
const opNames = Object.keys(rules)
const isOpName = (name: string): name is Op['op'] => Object.hasOwn(rules, name)

const refuse = (place: string, what: string) => failure('invalid-argument', `pipeline ${place}: ${what}`)
const meant = (word: string, known: readonly string[]) => {
  const near = nearest(word, known)
  return near === undefined ? `use one of ${known.join(', ')}` : `did you mean "${near}"? There are ${known.join(', ')}`
}

const order: Readonly<Record<Family, string>> = {
  images: 'decode first, then resize, crop and flip, then normalize, then layout and dtype',
  values: 'tensor first, then window, then standardize, then pad and dtype',
  text: 'tokenize first, then pad, then dtype',
  graph: 'neighbours stands alone',
}
/** A dtype that was already found to be one of all, for samples of this family after these ops. */
const checkDtype = (place: string, dtype: string, family: Family, seen: ReadonlySet<string>) => {
  const whole = dtype === 'bool' || integerDtypes.some((each) => each === dtype)
  if (family === 'images' && !imageDtypes.some((each) => each === dtype))
    throw refuse(place, `pixels become one of ${imageDtypes.join(', ')}, not ${dtype}`)
  if (family === 'text' && (!whole || dtype === 'bool'))
    throw refuse(place, `tokens become one of ${integerDtypes.join(', ')}, not ${dtype}`)
  if (whole && (seen.has('normalize') || seen.has('standardize')))
    throw refuse(place, `normalized ${family === 'images' ? 'pixels' : 'values'} are no whole numbers: use float32, or leave that op out`)
}
const checkText = (ops: readonly unknown[], seen: ReadonlySet<string>) => {
  const [first] = ops
  const { level, words } =
    typeof first === 'object' && first !== null && 'level' in first ? { level: first.level, words: 'vocabulary' in first } : {}
  if (level === 'word' && !words)
    throw refuse('ops[0].vocabulary', 'tokenize by words needs it: use what buildVocabulary of the data set gives')
  if (level === 'byte' && words) throw refuse('ops[0].vocabulary', 'tokenize by bytes has none: leave it out')
  if (!seen.has('pad')) throw refuse('ops', 'texts differ in length, and a batch needs one: end with { "op": "pad", "length": ... }')
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
  const family = familyOf({ ops: ops.filter((op): op is Op => typeof op === 'object' && op !== null && 'op' in op) })
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
    if (name === 'tensor' && 'shape' in op && Array.isArray(op.shape) && op.shape[2] === 1) channels = 1
    const fields: Readonly<Record<string, Check>> = { ...rule.required, ...rule.optional }
    for (const [key, value] of Object.entries(op)) {
      if (key === 'op' || value === undefined) continue
      const check = Object.hasOwn(fields, key) ? fields[key] : undefined
      if (check === undefined) throw refuse(`${place}.${key}`, `${name} has no such field: ${meant(key, Object.keys(fields))}`)
      const wanted = check(value, channels)
      if (wanted !== undefined) throw refuse(`${place}.${key}`, `${JSON.stringify(value)?.slice(0, 60)} will not do: use ${wanted}`)
    }
    for (const key of Object.keys(rule.required)) if (!(key in op)) throw refuse(`${place}.${key}`, `${name} needs it`)
    const { first, ops: known } = families[family]
    if (!known.some((each) => each === name))
      throw refuse(place, `${name} is no op of ${family}: with "${first}" first there are ${known.join(', ')}`)
    if (rule.phase < phase) throw refuse(place, `${name} comes too late: ${order[family]}`)
    if ((rule.phase !== 1 || name === 'window') && seen.has(name)) throw refuse(place, `a second ${name}`)
    if (name === 'dtype' && 'dtype' in op) checkDtype(`${place}.dtype`, String(op.dtype), family, seen)
    seen.add(name)
    phase = rule.phase
  })
  if (family === 'text') checkText(ops, seen)
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
