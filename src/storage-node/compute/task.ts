import type { DType, NumericDType } from '../../core/dtype.ts'
import type { ModelShape } from '../../core/self.ts'

/** Bytes as a worker takes them: a file's path, memory that threads share, or memory of its own. */
export type OpenBytes = string | SharedArrayBuffer | Uint8Array

export interface OpenModel {
  readonly file: OpenBytes
  readonly external: readonly { readonly location: string; readonly file: OpenBytes }[]
  readonly bytes: number
}

/** A tensor between threads: plain, since a class does not survive the copy. */
export interface PlainTensor {
  readonly dtype: DType
  readonly data: unknown
  readonly shape: readonly number[]
}

/** A tensor whose raw bytes the worker fetches itself. */
export interface TensorFile {
  readonly dtype: NumericDType
  readonly bytes: OpenBytes
  readonly shape: readonly number[]
}

export interface Task {
  readonly hash: string
  readonly model: OpenModel
  /** Absent: only load the model and describe it. */
  readonly feeds?: Readonly<Record<string, PlainTensor | TensorFile>>
  /** Rises when sessions are to be forgotten. */
  readonly generation: number
}
/** A task of a thread. */
export interface SharedTask extends Task {
  /** Shared with the pool: 1 once the caller has given up, so that what has not begun need not. */
  readonly givenUp: Int32Array
}

/** What a worker answers. Errors travel as data: a class does not survive the copy, and a worker need not die of them. */
export type Answer =
  | { readonly kind: 'shape'; readonly shape: ModelShape }
  | { readonly kind: 'outputs'; readonly outputs: Readonly<Record<string, PlainTensor>>; readonly startedAt: number }
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly text: string }

/** The codes that a worker's errors have. */
export const failureCodes = ['bad-model', 'tensor-mismatch', 'too-large', 'internal'] as const
export type FailureCode = (typeof failureCodes)[number]

export interface WorkerOptions {
  readonly sessionBytes: number
  readonly intraOpThreads: number
}
export interface ProcessOptions extends WorkerOptions {
  /** Bytes of the outputs of a run at the most. */
  readonly resultBytes: number
}
