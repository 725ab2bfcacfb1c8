import { checkState, type LoaderSource, type LoaderState, planOf } from '../objects/loader/state.ts'
import type { PlanOptions } from '../objects/loader/plan.ts'

/** Where an iteration begins, and what it must find there. */
export interface Start {
  readonly epoch: number
  readonly next: number
  readonly expected: LoaderSource | undefined
}
/** Told what is loaded, and of each batch as its reader receives it. */
export interface Progress {
  begun(source: LoaderSource): void
  received(epoch: number, index: number, batches: number): void
}

/** What a loader's reader has received, and where the next iteration begins. What is merely prefetched does not count. */
export const createPosition = (options: PlanOptions) => {
  let state: LoaderState = { version: 1, source: null, ...planOf(options), epoch: 0, next: 0 }
  let start: Start = { epoch: 0, next: 0, expected: undefined }
  const progress: Progress = {
    begun: (source) => void (state = { ...state, source }),
    received(epoch, index, batches) {
      // After an epoch's last batch the next one begins.
      const over = index + 1 >= batches
      state = { ...state, epoch: over ? epoch + 1 : epoch, next: over ? 0 : index + 1 }
    },
  }
  return {
    progress,
    state: (): LoaderState => state,
    resume(given: unknown): void {
      state = checkState(given, options)
      start = { epoch: state.epoch, next: state.next, expected: state.source ?? undefined }
    },
    /** The loader itself is iterated: from where it was resumed, and else epoch after epoch. */
    take(): Start {
      const taken = start
      start = { epoch: taken.epoch + 1, next: 0, expected: undefined }
      state = { ...state, epoch: taken.epoch, next: taken.next }
      return taken
    },
    /** An epoch by its number, from its beginning. */
    at(epoch: number): Start {
      state = { ...state, epoch, next: 0 }
      return { epoch, next: 0, expected: undefined }
    },
  }
}
