import { monotonicNow } from '../core/clock.ts'
import { failure, toFailure } from '../core/errors.ts'
import { type Remote, recipeOf, withCall } from '../core/remote.ts'
import type { Feeds, Training } from '../core/self.ts'
import type { Progress } from '../objects/trainer/journal.ts'
import type { trainer as trainerType } from '../objects/trainer/trainer.ts'

export interface SplitOptions {
  /** The tensor of the model, or tensors, where its front ends: results of nodes, float32. */
  readonly cut: string | readonly string[]
  /**
   * Targets of a batch, by the names of the losses' targets (`labels` by default), for these samples in this order: where
   * labels are here alone. Default: the data set's labels come with the activations.
   */
  readonly targets?: (ids: readonly string[]) => Feeds | Promise<Feeds>
  /** Threads of onnxruntime for the back. Default 1. */
  readonly threads?: number
  /** Whether the back is trained in a process of its own, or in a thread of this one. Default `process`. */
  readonly compute?: 'process' | 'thread'
}

/**
 * Does a run that a trainer's `fit` or `resume` has begun with the front of the model where the trainer is, beside the data,
 * and the back in this process: activations come here, and gradients go back. Checkpoints hold both parts, and lie with the
 * trainer. When it ends, early or not, the back is forgotten here.
 * @param trainer the trainer, with as much time as the run may take: `withCall(remote, { timeoutMs })`
 * @throws `unavailable` where the node dies: `resume`, and split the new run, from the last checkpoint; `invalid-argument`,
 * `not-found` where the model cannot be parted there; `unsupported` for plans with `features`, `validate` or `accumulate`;
 * `training-diverged`
 */
export async function* splitTraining(trainer: Remote<typeof trainerType>, run: number, options: SplitOptions): AsyncGenerator<Progress> {
  const { cut, targets, threads = 1, compute: kind = 'process' } = options
  // All calls of the run share the time that the caller gives it: each by itself would have as much again.
  const { timeoutMs, deadline } = recipeOf(trainer).options
  const remote =
    timeoutMs === undefined ? trainer : withCall(trainer, { deadline: Math.min(monotonicNow() + timeoutMs, deadline ?? Infinity) })
  const { createTrainings } = await import('../storage-node/compute/training.ts')
  const trainings = createTrainings({ threads, kind })
  const { signal } = new AbortController()
  let back: Training | undefined
  let session = ''
  // What fails in the back is told to the trainer, which would take it for a reader that left.
  const here = async <T>(work: (own: Training) => Promise<T>): Promise<T> => {
    if (back === undefined) throw failure('internal', 'the front has sent no back')
    try {
      return await work(back)
    } catch (error) {
      await remote.failBack(session, toFailure(error).message).catch(() => undefined)
      throw error
    }
  }
  try {
    for await (const item of remote.front(run, { cut: [cut].flat(), labels: targets === undefined })) {
      switch (item.kind) {
        case 'begin': {
          const { model: graph, options: how, seed, state } = item
          session = item.session
          back = await trainings.train(
            { graph, options: how, seed, ...(state !== null && { state: new Map(Object.entries(state)) }) },
            signal,
          )
          break
        }
        case 'batch': {
          const { step, learningRate, ids, feeds } = item
          const { inputs, ...told } = await here(async (own) => own.gather({ ...feeds, ...(await targets?.(ids)) }, 1, step))
          const { norm } = await remote.backward(session, step, inputs, told)
          await here((own) => own.apply({ step, learningRate }, norm))
          break
        }
        case 'keep':
          await remote.keepBack(session, item.step, Object.fromEntries(await here((own) => own.state())))
          break
        case 'report':
          yield item.progress
      }
    }
  } finally {
    await trainings.close()
  }
}
