import {
  bytes,
  contentRef,
  integer,
  list,
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
import { contentPart } from '../dataset/sample.ts'
import type { RandomKey, RunOptions, SampleInput } from './pipeline.ts'
import type { PipelineSpec } from './spec.ts'

/** As much as the hash of a spec takes for granted; `checkPipeline` holds each op against its rules and names what was meant. */
export const pipelineSpec: Schema<PipelineSpec> = typed({
  type: 'object',
  properties: { ops: { type: 'array', items: { type: 'object', properties: { op: { type: 'string' } }, required: ['op'] } } },
  required: ['ops'],
})
/** Open: a data set's samples will do as they are. */
export const sampleInput: Schema<SampleInput> = object(
  { id: string(), content: union([contentRef(), bytes()]), part: optional(contentPart), row: optional(integer({ minimum: 0 })) },
  { additionalProperties: true },
)
export const sampleInputs = list(sampleInput)
export const randomKey: Schema<RandomKey> = object({ seed: integer({ minimum: 0 }), epoch: integer({ minimum: 0 }) })
export const runOptions: Schema<RunOptions> = object({ cache: optional(oneOf(['decoded'])) })
/** One tensor, or named ones. */
export const batchData = union([tensor(), record(tensor())])
