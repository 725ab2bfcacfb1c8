import { dtypes, isDType } from '../../core/dtype.ts'
import { contentRef, integer, list, object, oneOf, record, type Schema, string, tensor, union } from '../../core/schema.ts'
import type { TensorRef, TensorSpec } from '../../core/self.ts'
import type { Forward, ModelHandle } from './forward.ts'
import type { ModelDescription } from './model.ts'

export const batchMode = oneOf(['batch', 'loop'])
const handle = {
  hash: string(),
  file: contentRef(),
  external: list(object({ location: string(), content: contentRef() })),
  mode: batchMode,
}
/** Open: what `describe` gives will do as it is. */
export const modelHandle: Schema<ModelHandle> = object(handle, { additionalProperties: true })
/** The same, with the name of the input that takes the batch. */
export const loaderModel = object({ ...handle, input: string() }, { additionalProperties: true })

export const tensorSpecs = list<TensorSpec>(
  object({ name: string(), dtype: string(), shape: list(union([integer({ minimum: 0 }), string()])) }),
)
export const modelDescription: Schema<ModelDescription> = object({
  ...handle,
  bytes: integer({ minimum: 0 }),
  inputs: tensorSpecs,
  outputs: tensorSpecs,
})
const tensorRef: Schema<TensorRef> = object({
  content: contentRef(),
  dtype: oneOf(Object.keys(dtypes).filter(isDType)),
  shape: list(integer({ minimum: 0 })),
})
export const feeds = record(union([tensor(), tensorRef]))
export const outputs = record(tensor())
export const forwardResult: Schema<Forward> = object({ outputs, mode: batchMode, runs: integer({ minimum: 1 }) })
