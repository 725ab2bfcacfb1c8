import { readFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { failure } from '../core/errors.ts'
import type { Remote } from '../core/remote.ts'
import type { dataset } from '../objects/dataset/dataset.ts'
import type { VocabularyOptions } from '../objects/dataset/vocabulary.ts'
import type { Op } from '../objects/pipeline/spec.ts'
import type { ParallelPlan } from '../objects/parallel/plan.ts'
import type { FitPlan, TrainerSpec } from '../objects/trainer/spec.ts'

export interface Plan {
  readonly trainer: TrainerSpec
  /** On one node, or on several members. */
  readonly fit: FitPlan | ParallelPlan
}

/**
 * A plan's file: the two halves are checked by the node, which names what is wrong in them.
 * @param epochs in place of those of the plan
 */
export const readPlan = async (path: string, epochs?: number): Promise<Plan> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw failure('not-found', `${path}: ${error instanceof Error ? error.message : String(error)}`, error)
  })
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw failure('invalid-argument', `${path}: ${problem.message.split('\n')[0] ?? ''}`)
  const plan: unknown = document.toJS()
  if (typeof plan !== 'object' || plan === null || !('trainer' in plan) || !('fit' in plan))
    throw failure(
      'invalid-argument',
      `${path}: a plan has two parts, \`trainer\` (loss, optimizer, learningRate) and \`fit\` (dataset, pipeline, batchSize, epochs)`,
    )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the node holds it against the schemas
  const { trainer, fit } = plan as Plan
  return { trainer, fit: epochs === undefined ? fit : { ...fit, epochs } }
}

/** What an op asks of a vocabulary that is to be made: `vocabulary: { size, minCount }`, which no list of words and no content is. */
const askedOf = (op: Op): VocabularyOptions | undefined => {
  const given: unknown = op.op === 'tokenize' ? op.vocabulary : undefined
  // What it may hold is the data set's to check.
  return typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype ? given : undefined
}

type Set = Pick<Remote<typeof dataset>, 'buildVocabulary'>

/**
 * A plan whose texts have words to be numbered: a file cannot name the content that a vocabulary is, so that it asks for
 * one, of the samples that are trained on and of no others.
 */
export const withVocabulary = async (fit: FitPlan, setOf: (name: string) => Set): Promise<FitPlan> => {
  const { dataset: name, pipeline } = fit
  // What has another form than a plan's is the node's to refuse.
  if (typeof name !== 'string' || !Array.isArray(pipeline)) return fit
  const [first] = pipeline.flatMap((op: Op) => {
    const asked = askedOf(op)
    return asked === undefined || op.op !== 'tokenize' ? [] : [{ asked, lowercase: op.lowercase }]
  })
  if (first === undefined) return fit
  const { asked, lowercase } = first
  const { content } = await setOf(name).buildVocabulary({
    ...asked,
    ...(lowercase !== undefined && { lowercase }),
    ...(fit.split !== undefined && { split: fit.split }),
  })
  const filled = (ops: readonly Op[]): readonly Op[] => ops.map((op) => (askedOf(op) !== undefined ? { ...op, vocabulary: content } : op))
  const { validate } = fit
  const other = validate?.pipeline
  return {
    ...fit,
    pipeline: filled(pipeline),
    ...(Array.isArray(other) && { validate: { ...validate, pipeline: filled(other) } }),
  }
}
