import { failure } from '../core/errors.ts'
import type { TensorSpec } from '../core/self.ts'
import type { BatchOption, BatchPlan, OutputPlan } from '../objects/model/batch-plan.ts'
import type { ModelDescription } from '../objects/model/model.ts'
import { humanBytes } from './output.ts'

/**
 * What `--batch` says; undefined where it is not given. What JSON holds is checked by the node.
 * @throws ActiveStorageError `invalid-argument`
 */
export const batchOf = (text: string | undefined): BatchOption | undefined => {
  if (text === undefined || text === 'whole' || text === 'one') return text
  try {
    const given: unknown = JSON.parse(text)
    if (typeof given === 'object' && given !== null) return given as BatchOption
  } catch (error) {
    throw failure('invalid-argument', `--batch ${text}: this is no JSON (${error instanceof Error ? error.message : String(error)})`, error)
  }
  throw failure('invalid-argument', `--batch ${text}: use whole, one or JSON, such as {"inputs":{"x":0,"scale":null},"outputs":{"y":0}}`)
}

const spec = ({ name, dtype, shape, unranked }: TensorSpec): string =>
  `${name} ${dtype}[${unranked === true ? 'any shape' : shape.map((side) => (side === '' ? '?' : side)).join(', ')}]`

const joined = ({ join, axis = 0, rows }: OutputPlan): string => {
  const filled = rows === undefined ? '' : `, axis ${rows} filled up and counted in NAME.counts`
  switch (join) {
    case 'axis':
      return `samples on axis ${axis}${filled}`
    case 'stack':
      return `samples stacked on a new first axis${filled}`
    case 'rows':
      return 'rows of all samples one after the other, counted in NAME.counts'
    case 'once':
      return 'the same for all samples'
    case 'ask':
      return 'unknown: say so with --batch before a batch is run'
  }
}

/** Whether a description holds a plan: models that older versions stored have none. */
export const isBatchPlan = (value: unknown): value is BatchPlan =>
  typeof value === 'object' && value !== null && 'size' in value && 'independent' in value

/** How a model takes a batch, in a few words. */
export const batchText = ({ size, independent }: BatchPlan): string => {
  if (size === null) return 'batches of any size, run whole'
  if (size === 1) return 'one sample a run'
  return `${size} samples a run, ${independent ? 'a last one filled up' : 'exactly so many'}`
}

/** A model as `put` tells of it: one line, one for each input and output, and the warnings. */
export const modelText = (name: string, { bytes, batch, mode, inputs, outputs, warnings = [] }: ModelDescription): string =>
  [
    `${name}: ${humanBytes(bytes)}, ${batch === undefined ? (mode === 'loop' ? 'one sample a run' : 'batches whole') : batchText(batch)}`,
    ...inputs.map((each) => {
      const axis = batch?.inputs[each.name]?.axis
      return `  input ${spec(each)}${typeof axis === 'number' ? `: samples on axis ${axis}` : ''}`
    }),
    ...outputs.map((each) => {
      const plan = batch?.outputs[each.name]
      return `  output ${spec(each)}${plan === undefined ? '' : `: ${joined(plan)}`}`
    }),
    ...warnings.map((warning) => `  warning: ${warning}`),
  ].join('\n')
