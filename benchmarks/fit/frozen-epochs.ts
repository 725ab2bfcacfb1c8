import type { TrainerSpec } from '../../src/index.ts'
import type { Measurement } from '../support/claim.ts'
import { interleave } from '../support/interleave.ts'
import { median, ratioOf } from '../support/statistics.ts'
import { cifarNode, type Heard, plan, resNet8, spec, trained } from './material.ts'

const ROUNDS = 5
const EPOCHS = 3
const head: TrainerSpec = { ...spec, trainable: ['fc.*'] }

/** From the end of the first epoch to the end of the last, by epoch. */
const laterMs = (heard: readonly Heard[]): number => {
  const ends = Array.from({ length: EPOCHS }, (_, epoch) => heard.findLast(({ report }) => report.epoch === epoch)?.at ?? Number.NaN)
  return ((ends.at(-1) ?? Number.NaN) - (ends[0] ?? Number.NaN)) / (EPOCHS - 1)
}

export const frozenEpochs: Measurement = {
  claims: ['frozen-epochs', 'frozen-bits'],
  about:
    'Time of an epoch after the first of training the head of a frozen ResNet-8 on a twentieth of CIFAR-10 (JPEG), images decoded once, by the same with its features kept; and bytes of the two exported models that differ.',
  async run() {
    await using there = await cifarNode()
    const model = resNet8()
    let differing = 0
    let kept: Uint8Array | undefined
    const side = (name: string, features: boolean) => async () => {
      const how = plan({ epochs: EPOCHS, share: 0.05, batchSize: 64, cache: 'decoded', ...(features && { features: 'exact' as const }) })
      const { heard, file } = await trained(there, name, model, head, how)
      kept ??= file
      const first = kept
      if (file.byteLength !== first.byteLength) differing += Math.abs(file.byteLength - first.byteLength)
      for (const [i, byte] of file.entries()) if (byte !== first[i]) differing++
      return laterMs(heard)
    }
    const rounds = await interleave(ROUNDS, { without: side('without', false), kept: side('kept', true) })
    const details = { ms: median(rounds.map((round) => round.kept)), msWithout: median(rounds.map(({ without }) => without)) }
    return [
      { id: 'frozen-epochs', ...ratioOf(rounds.map((round) => ({ ours: round.without, baseline: round.kept }))), goal: { atLeast: 5 }, details }, // prettier-ignore
      { id: 'frozen-bits', figure: differing, low: differing, high: differing, goal: { atMost: 0 }, details: { bytes: kept?.byteLength ?? 0, runs: 2 * (ROUNDS + 1) } }, // prettier-ignore
    ]
  },
}
