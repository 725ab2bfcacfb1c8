import './half-as-bits.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { loadOnnxruntime } from './onnxruntime.ts'
import { openTrainer } from './training-runner.ts'
import type { TrainingAnswer, TrainingAsk, TrainingData } from './training-task.ts'

/** The thread of one model in training, of `--compute thread`. */

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what training-thread.ts starts it with
const trainer = openTrainer(loadOnnxruntime(), workerData as TrainingData)
const port = parentPort
const answer = (value: TrainingAnswer) => port?.postMessage(value)

answer(trainer.answer)
let last: Promise<void> = Promise.resolve()
if ('failed' in trainer.answer) port?.close()
else
  port?.on('message', (asked: TrainingAsk) => {
    last = last.then(async () => {
      answer(await trainer.perform(asked))
      // The thread ends by itself: ended from outside within a run, it would take the process with it.
      if (asked.ask === 'close') port.close()
    })
  })
