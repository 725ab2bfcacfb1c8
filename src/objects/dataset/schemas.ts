import {
  boolean,
  bytes,
  contentRef,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
  tensor,
  union,
} from '../../core/schema.ts'
import { adoptOptions } from './adopt.ts'
import { featureForms } from './graph/sample-neighbours.ts'
import { adoptReport } from './report.ts'
import { newSample, sample, sampleId } from './sample.ts'
import { MOST_WORDS } from './vocabulary.ts'
import { windowLabels } from './windows.ts'

const count = integer({ minimum: 0 })
const share = number({ minimum: 0, maximum: 1 })
const splitSchema = object({ part: oneOf(['train', 'test']), test: share, seed: optional(count) })
const windowSchema = object({
  length: integer({ minimum: 1 }),
  stride: optional(integer({ minimum: 1 })),
  label: optional(oneOf(windowLabels)),
})
const layoutSchema = object({ dtype: string(), shape: list(count), columns: optional(list(string())), series: optional(boolean()) })
const vocabularySchema = object({ content: contentRef(), size: count, lowercase: boolean() })
export const described = {
  count,
  bytes: count,
  classes: optional(list(string())),
  layout: optional(layoutSchema),
  vocabulary: optional(vocabularySchema),
}

const rangeFields = { split: optional(splitSchema), window: optional(windowSchema) }

export const datasetArguments = {
  adopt: [string(), optional(adoptOptions)],
  put: [list(newSample)],
  buildVocabulary: [
    optional(
      object({
        size: optional(integer({ minimum: 1, maximum: MOST_WORDS })),
        minCount: optional(integer({ minimum: 1 })),
        lowercase: optional(boolean()),
        split: optional(splitSchema),
      }),
    ),
  ],
  describe: [],
  count: [],
  list: [optional(object({ after: optional(string()), limit: optional(integer({ minimum: 1 })), ...rangeFields }))],
  sample: [sampleId],
  read: [sampleId],
  labels: [optional(object(rangeFields))],
  sampleNeighbours: [
    object({
      seeds: list(sampleId, { minItems: 1, maxItems: 65_536 }),
      seed: count,
      epoch: optional(count),
      fanouts: list(integer({ minimum: 1, maximum: 1024 }), { minItems: 1, maxItems: 8 }),
      features: optional(oneOf(featureForms)),
      maxWords: optional(integer({ minimum: 1, maximum: 65_536 })),
    }),
  ],
} as const

export const datasetResults = {
  adopt: object({ added: count, count, bytes: count, report: adoptReport }),
  put: object({ count, bytes: count }),
  buildVocabulary: vocabularySchema,
  describe: object({ ...described, version: count }),
  count,
  list: list(sample),
  sample,
  read: bytes(),
  labels: list(object({ label: union([string(), number()]), name: optional(string()), count, weight: number() })),
  sampleNeighbours: record(tensor()),
}
