import type { StepAt, TrainingTold } from '../../core/self.ts'
import type { Value } from '../../core/value.ts'
import type { PlainTensors } from './plain.ts'

export interface TrainingData {
  readonly graph: Uint8Array
  readonly options: Value
  readonly seed: number
  readonly threads: number
  readonly state?: PlainTensors
}

/** What the thread of a model in training is asked. The answers come in the order of the questions. */
export type TrainingAsk =
  | { readonly ask: 'step'; readonly feeds: PlainTensors; readonly at: StepAt }
  | { readonly ask: 'gather'; readonly feeds: PlainTensors; readonly share: number | readonly number[]; readonly draw: number }
  | { readonly ask: 'forward'; readonly feeds: PlainTensors; readonly draw: number }
  | { readonly ask: 'backward'; readonly feeds: PlainTensors }
  | { readonly ask: 'gathered' }
  | { readonly ask: 'replace'; readonly tensors: PlainTensors; readonly statistics?: PlainTensors }
  | { readonly ask: 'statistics' }
  | { readonly ask: 'apply'; readonly at: StepAt; readonly beyond: number }
  | { readonly ask: 'evaluate'; readonly feeds: PlainTensors; readonly outputs: readonly string[] }
  | { readonly ask: 'state' }
  | { readonly ask: 'restore'; readonly tensors: PlainTensors }
  | { readonly ask: 'close' }

/** The codes that a thread's errors have; another is a defect of ours. */
export const trainingCodes = [
  'bad-model',
  'unsupported',
  'invalid-argument',
  'tensor-mismatch',
  'training-diverged',
  'too-large',
  'internal',
] as const
type TrainingCode = (typeof trainingCodes)[number]

/** Errors travel as data: a class does not survive the copy. */
export type TrainingAnswer =
  | { readonly told?: TrainingTold; readonly tensors?: PlainTensors }
  | { readonly failed: { readonly code: TrainingCode; readonly text: string } }
