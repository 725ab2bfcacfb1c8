import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Job } from '../../examples/training/parity/jobs.ts'
import { startTorch, writeJob } from '../../examples/training/parity/torch-process.ts'
import { writeGraph } from '../../src/graph/write.ts'
import type { Measurement } from '../support/claim.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { numberIn } from '../support/lines.ts'
import { newFolder, peakOf, startChild } from '../support/processes.ts'
import { median, ratioOf } from '../support/statistics.ts'

/** Of onnxruntime, and of PyTorch. */
const THREADS = 2
const ROUNDS = 9

interface Sized {
  readonly id: string
  readonly what: string
  readonly job: () => Job
  /** Steps of one side before it is the other's turn. */
  readonly steps: number
  readonly atMost: number
}

/** A step of training here and in PyTorch: its time, and the most memory that the process of each side had. */
export const trainingStep = ({ id, what, job, steps, atMost }: Sized): Measurement => ({
  claims: [id, `${id}-rss`],
  about: `Time of a training step of ${what}, and peak RSS of the process, by those of PyTorch (eager), ${THREADS} threads each.`,
  async run() {
    const folder = await newFolder()
    try {
      const made = job()
      writeJob(folder, made)
      writeFileSync(join(folder, 'model.onnx'), writeGraph({ graph: made.graph }))
      const torch = await startTorch(THREADS)
      try {
        await using ours = await startChild(['benchmarks/support/training-loop.mjs', folder, String(THREADS)])
        await torch.ask('open', { folder, threads: THREADS })
        const rounds = await interleave(ROUNDS, {
          ours: async () => numberIn(await ours.ask('steps', { count: steps }), 'ms'),
          torch: async () => {
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- torch_side.py answers so
            const { ms } = (await torch.ask('steps', { count: steps })) as { readonly ms: readonly number[] }
            return median(ms)
          },
        })
        const [rss, torchRss] = [peakOf(ours.pid), peakOf(torch.pid)]
        const details = { ms: median(rounds.map((round) => round.ours)), torchMs: median(rounds.map((round) => round.torch)), torch: torch.version } // prettier-ignore
        const ratio = rss / torchRss
        return [
          { id, ...ratioOf(pairsOf(rounds, 'ours', 'torch')), goal: { atMost }, details },
          { id: `${id}-rss`, figure: ratio, low: ratio, high: ratio, goal: { atMost: 1.2 }, details: { mib: rss, torchMib: torchRss } },
        ]
      } finally {
        await torch.stop()
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  },
})
