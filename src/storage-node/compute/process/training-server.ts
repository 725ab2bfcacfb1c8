import { loadOnnxruntime } from '../onnxruntime.ts'
import { openTrainer, type Trainer } from '../training-runner.ts'
import type { Server } from './server.ts'
import { trainingAnswerMessage, trainingAskOf, trainingDataOf } from './training-messages.ts'

/** Trains one model, which the first message opens. */
export const serveTraining = (): Server => {
  const onnx = loadOnnxruntime()
  let trainer: Trainer | undefined
  return {
    reuses: false,
    failed: (code, text) => ({ failed: { code, text } }),
    mostBytes: Infinity,
    async answer(asked) {
      if (trainer !== undefined) return trainingAnswerMessage(await trainer.perform(trainingAskOf(asked)))
      trainer = openTrainer(onnx, trainingDataOf(asked))
      return trainingAnswerMessage(trainer.answer)
    },
  }
}
