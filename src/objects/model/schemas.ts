import { dtypes, isDType } from '../../core/dtype.ts'
import {
  boolean,
  contentRef,
  integer,
  list,
  nullable,
  object,
  oneOf,
  optional,
  record,
  type Schema,
  string,
  tensor,
  typed,
  union,
} from '../../core/schema.ts'
import type { TensorRef, TensorSpec } from '../../core/self.ts'
import { type BatchOption, type BatchPlan, joins } from './batch-plan.ts'
import type { Forward, ModelHandle } from './forward.ts'
import type { ModelDescription, PutOptions } from './model.ts'

export const batchMode = oneOf(['batch', 'loop'])
const sides = list(union([integer({ minimum: 0 }), string()]))
const axis = integer({ minimum: 0, maximum: 31 })
export const batchPlan: Schema<BatchPlan> = object({
  size: nullable(integer({ minimum: 1 })),
  inputs: record(object({ shape: nullable(sides), axis: nullable(axis) })),
  outputs: record(object({ join: oneOf(joins), axis: optional(axis), rows: optional(axis) })),
  independent: boolean(),
})
const batchOption: Schema<BatchOption> = union([
  oneOf(['whole', 'one']),
  object({
    inputs: optional(record(nullable(axis))),
    outputs: optional(record(union([nullable(axis), oneOf(['stack', 'rows']), object({ axis, rows: axis })]))),
    independent: optional(boolean()),
  }),
])
export const putOptions: Schema<PutOptions> = object({ batch: optional(batchOption) })
const handle = {
  hash: string(),
  file: contentRef(),
  external: list(object({ location: string(), content: contentRef() })),
  mode: batchMode,
  batch: optional(batchPlan),
}
/** Open: what `describe` gives will do as it is. */
export const modelHandle: Schema<ModelHandle> = object(handle, { additionalProperties: true })
/** The same, with the name of the input that takes the batch. */
export const loaderModel = object({ ...handle, input: string() }, { additionalProperties: true })

export const tensorSpecs = list<TensorSpec>(
  object({ name: string(), dtype: string(), shape: sides, unranked: optional(typed<true>({ const: true })) }),
)
export const modelDescription: Schema<ModelDescription> = object({
  ...handle,
  bytes: integer({ minimum: 0 }),
  inputs: tensorSpecs,
  outputs: tensorSpecs,
  warnings: optional(list(string())),
})
const tensorRef: Schema<TensorRef> = object({
  content: contentRef(),
  dtype: oneOf(Object.keys(dtypes).filter(isDType)),
  shape: list(integer({ minimum: 0 })),
})
export const feeds = record(union([tensor(), tensorRef]))
export const outputs = record(tensor())
export const forwardResult: Schema<Forward> = object({ outputs, mode: batchMode, runs: integer({ minimum: 1 }) })
