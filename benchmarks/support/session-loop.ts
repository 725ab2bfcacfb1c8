// Run as a process: worker threads that each loop session.run, and nothing else.
import { Worker } from 'node:worker_threads'
import { answer, numberIn } from './lines.ts'

const THREADS = 2
const worker = new URL('./session-worker.mjs', import.meta.url)
const [, , file = '', shape = ''] = process.argv

// An error of a thread has no listener and so ends this process, which its parent notices.
const ask = (thread: Worker, milliseconds: number): Promise<number> =>
  new Promise((resolve) => {
    thread.once('message', (runs) => resolve(Number(runs)))
    thread.postMessage(milliseconds)
  })

const threads = Array.from({ length: THREADS }, () => new Worker(worker, { workerData: { file, shape: shape.split('x').map(Number) } }))

await answer({
  run: async (asked) => {
    const began = performance.now()
    const runs = await Promise.all(threads.map((thread) => ask(thread, numberIn(asked, 'ms'))))
    return { runs: runs.reduce((sum, each) => sum + each, 0), ms: performance.now() - began }
  },
})
