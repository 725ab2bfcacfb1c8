import type { Value } from '../../../src/core/value.ts'

/** A file, or what a model is given, with the options under which it is read. */
export interface Input {
  /** What it began as, and what was done to it. */
  readonly about: string
  readonly bytes: Buffer
  readonly options?: Value
}

/** A reader of one format, open in a process. */
export interface Session {
  /** The input of this index: the same for the same seed and index, whatever came before it. */
  make(seed: number, index: number): Input
  /**
   * Reads an input by the product.
   * @returns what is wrong with the value, found by other means; undefined where nothing is
   * @throws what the product throws
   */
  run(input: Input): Promise<string | undefined>
  /** What the text of an error has to name; default nothing. */
  readonly names?: string
  close(): Promise<void>
}

export interface Format {
  /** Memory of one input at the most, beyond what the process held before, in MiB. */
  readonly mib: number
  open(): Promise<Session>
}

export const formatNames = ['csv', 'tar', 'npy', 'images', 'onnx', 'models', 'inputs'] as const
/** Formats, and one whose reader has every fault: the fuzzer is tested by it. */
export type FormatName = (typeof formatNames)[number] | 'faulty'

/** What became of one input. */
export const outcomes = ['value', 'error', 'wrong value', 'untyped', 'text', 'memory'] as const
export type OutcomeKind = (typeof outcomes)[number]
export interface Outcome {
  readonly kind: OutcomeKind
  /** The code and text of an error, or what is wrong. */
  readonly says: string
  readonly code?: string
  /** Memory above the level before, in MiB. */
  readonly mib: number
}

/** A line of the process that reads: the index that it begins or has done. */
export type Line =
  | { readonly begin: number; readonly input?: { readonly about: string; readonly base64: string; readonly options?: Value } }
  | { readonly done: number; readonly outcome: Outcome }

export const isFormat = (text: string): text is FormatName => text === 'faulty' || formatNames.some((name) => name === text)

/** The exit code of a process that could not make an input. */
export const OUR_FAULT = 97
