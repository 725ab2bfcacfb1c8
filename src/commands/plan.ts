import { readFile } from 'node:fs/promises'
import { fileFailure } from '../core/file-failure.ts'
import { hint } from '../core/nearest.ts'
import type { Remote } from '../core/remote.ts'
import type { dataset } from '../objects/dataset/dataset.ts'
import type { VocabularyOptions } from '../objects/dataset/vocabulary.ts'
import type { Op } from '../objects/pipeline/spec.ts'
import { parallelPlan, type ParallelPlan } from '../objects/parallel/plan.ts'
import { fitPlan, type FitPlan, trainerSpec, type TrainerSpec } from '../objects/trainer/spec.ts'
import { pointerPart, readSource, type Source } from '../policy/source.ts'
import { isMapping, notePipeline, noteAgainst } from './plan-check.ts'

export interface Plan {
  readonly trainer: TrainerSpec
  /** On one node, or on several members. */
  readonly fit: FitPlan | ParallelPlan
}

const PARTS = ['trainer', 'fit'] as const
const TWO_PARTS = 'a plan has two parts, `trainer` (loss, optimizer, learningRate) and `fit` (dataset, pipeline, batchSize, epochs)'

/** Notes what is wrong with a plan, as the node would find it. */
const notePlan = (source: Source, plan: Readonly<Record<string, unknown>>, epochs: number | undefined): void => {
  for (const name of Object.keys(plan)) {
    if (PARTS.some((part) => part === name)) continue
    const home = [trainerSpec, fitPlan, parallelPlan].findIndex((schema) => Object.hasOwn(Object(schema['properties']), name))
    const inside = home < 0 ? '' : `; it belongs in \`${home === 0 ? 'trainer' : 'fit'}\``
    source.mistake(`/${pointerPart(name)}`, `unknown key "${name}"${inside === '' ? hint(name, PARTS) : inside}; ${TWO_PARTS}`, 'key')
  }
  for (const part of PARTS) if (!Object.hasOwn(plan, part)) source.mistake('', `\`${part}\` is missing: ${TWO_PARTS}`)
  const { trainer, fit } = plan
  if ('trainer' in plan) noteAgainst(source, trainerSpec, trainer, '/trainer')
  if (!('fit' in plan)) return
  if (!isMapping(fit)) return noteAgainst(source, fitPlan, fit, '/fit')
  const schema = 'members' in fit ? parallelPlan : fitPlan
  noteAgainst(source, schema, epochs === undefined ? fit : { ...fit, epochs }, '/fit')
  notePipeline(source, fit['pipeline'], '/fit/pipeline')
  const { validate, members } = fit
  if (isMapping(validate)) notePipeline(source, validate['pipeline'], '/fit/validate/pipeline')
  if (Array.isArray(members))
    for (const [index, member] of members.entries())
      if (isMapping(member)) notePipeline(source, member['pipeline'], `/fit/members/${index}/pipeline`)
}

/**
 * Reads a plan's file, YAML or JSON.
 * @param epochs in place of those of the plan
 * @throws ActiveStorageError `not-found`; `invalid-argument` with all mistakes, a line each; each begins `file:line:column`
 */
export const readPlan = async (path: string, epochs?: number): Promise<Plan> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(path, error)
  })
  const source = readSource(text, path, { code: 'invalid-argument', what: 'plan', aliases: true })
  const plan: unknown = source.data
  if (isMapping(plan)) notePlan(source, plan, epochs)
  else source.mistake('', TWO_PARTS)
  source.check()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schemas above, and by the node again
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
