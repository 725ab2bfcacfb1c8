import { failure } from '../../core/errors.ts'
import type { TrainingAnswer, TrainingAsk } from './training-task.ts'

export type TrainingDone = Exclude<TrainingAnswer, { failed: unknown }>

/** Where one model is trained: a process or a thread of its own. It does one thing at a time, in the order of the questions. */
export interface TrainingPort {
  /** @throws ActiveStorageError as training does; `worker-died`, `model-crashed`, `unavailable` */
  ask(asked: TrainingAsk): Promise<TrainingDone>
  /** Waits for what is done, in a process not for long, and ends. */
  close(): Promise<void>
  /** What is done longer than `ms` from now fails with `unavailable`, where it can be ended. */
  hurry(ms: number): void
  /** Resolves when it is gone. */
  readonly ended: Promise<void>
}

/** @throws what has failed */
export const doneOf = (answer: TrainingAnswer): TrainingDone => {
  if ('failed' in answer) throw failure(answer.failed.code, answer.failed.text)
  return answer
}
