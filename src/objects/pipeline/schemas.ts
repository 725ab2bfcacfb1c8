import { bytes, contentRef, integer, list, object, type Schema, string, typed, union } from '../../core/schema.ts'
import type { RandomKey, SampleInput } from './pipeline.ts'
import type { PipelineSpec } from './spec.ts'

/** As much as the hash of a spec takes for granted; `checkPipeline` holds each op against its rules and names what was meant. */
export const pipelineSpec: Schema<PipelineSpec> = typed({
  type: 'object',
  properties: { ops: { type: 'array', items: { type: 'object', properties: { op: { type: 'string' } }, required: ['op'] } } },
  required: ['ops'],
})
/** Open: a data set's samples will do as they are. */
export const sampleInput: Schema<SampleInput> = object(
  { id: string(), content: union([contentRef(), bytes()]) },
  { additionalProperties: true },
)
export const sampleInputs = list(sampleInput)
export const randomKey: Schema<RandomKey> = object({ seed: integer({ minimum: 0 }), epoch: integer({ minimum: 0 }) })
