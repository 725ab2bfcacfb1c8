import { toFailure } from '../../../core/errors.ts'
import { createModelRunner } from '../model-runner.ts'
import { loadOnnxruntime } from '../onnxruntime.ts'
import type { ProcessOptions } from '../task.ts'
import { answerMessage, NEEDS_MODEL, taskOf } from './run-messages.ts'
import type { Server } from './server.ts'

/** Runs tasks, with the sessions of the models that were run. */
export const serveRuns = (options: ProcessOptions): Server => {
  const run = createModelRunner(loadOnnxruntime(), options)
  return {
    reuses: true,
    failed: (code, text) => ({ kind: 'failed', code, text }),
    mostBytes: options.resultBytes,
    async answer(asked) {
      try {
        const { model, ...task } = taskOf(asked)
        if (model === null) {
          if (!run.has(task.hash, task.generation)) return { kind: NEEDS_MODEL }
          return answerMessage(await run.task({ ...task, model: { file: '', external: [], bytes: 0 } }, () => false))
        }
        return answerMessage(await run.task({ ...task, model }, () => false))
      } catch (error) {
        return { kind: 'failed', code: 'internal', text: toFailure(error).text }
      }
    },
  }
}
