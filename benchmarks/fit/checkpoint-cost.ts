import type { FitPlan } from '../../src/index.ts'
import type { Measurement } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { median, ratioOf } from '../support/statistics.ts'
import { cifarNode, type Heard, perceptron, plan, spec, trained } from './material.ts'

const ROUNDS = 9
/** Long enough for several checkpoints at the default interval. */
const EPOCHS = 120

/** From the first report to the last while it trains, by step: what the last checkpoint takes, both sides wait for alike. */
const stepMs = (heard: readonly Heard[]): number => {
  const running = heard.filter(({ report }) => report.status === 'running')
  const [first, last] = [running[0], running.at(-1)]
  if (first === undefined || last === undefined || first === last)
    throw new Error('a training of fewer than two reports: give it more epochs')
  return (last.at - first.at) / (last.report.step - first.report.step)
}
const checkpointsOf = (heard: readonly Heard[]): number => new Set(heard.map(({ report }) => report.checkpoint)).size - 1

export const checkpointCost: Measurement = {
  claims: ['checkpoint-cost'],
  about:
    'Time of a step with checkpoints at the default interval (a perceptron of 790,000 weights over CIFAR-10, Adam), by that with one checkpoint at the end.',
  async run() {
    await using there = await cifarNode()
    const model = perceptron(256)
    const made: number[] = []
    const side = (name: string, more: Partial<FitPlan>) => async () => {
      const { heard } = await trained(there, name, model, spec, plan({ epochs: EPOCHS, share: 0.02, cache: 'decoded', ...more }))
      if (name === 'often') made.push(checkpointsOf(heard))
      return stepMs(heard)
    }
    const rounds = await interleave(ROUNDS, { often: side('often', {}), once: side('once', { checkpointEvery: 1_000_000 }) })
    const details = { ms: median(rounds.map(({ often }) => often)), msOnce: median(rounds.map(({ once }) => once)), checkpoints: median(made) } // prettier-ignore
    return [
      { id: 'checkpoint-cost', ...ratioOf(rounds.map(({ often, once }) => ({ ours: often, baseline: once }))), goal: { atMost: 1.035 }, details }, // prettier-ignore
    ]
  },
}
