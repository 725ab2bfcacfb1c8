import type { Tensor as OnnxTensor } from 'onnxruntime-node'
import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import { CORRECT, COUNTED, LOSS, NORM, PART } from './names.ts'

/** Numbers that a run tells. */
export interface Told {
  readonly loss: number
  /** Elements whose class was the most likely one, and elements that counted: where the first loss is cross entropy. */
  readonly correct?: number
  readonly counted?: number
  /** The norm of all gradients, before they are clipped. */
  readonly norm?: number
  /** Of a batch that is gathered: its loss by its shares, which those of a step sum up to. */
  readonly part?: number
}

export type Outputs = Readonly<Record<string, Tensor>>

export const toldOf = (results: Readonly<Record<string, OnnxTensor>>): Told => {
  const numberAt = (name: string): number | undefined => (results[name] === undefined ? undefined : Number(results[name].data[0]))
  const [correct, counted, norm, part] = [numberAt(CORRECT), numberAt(COUNTED), numberAt(NORM), numberAt(PART)]
  return {
    loss: numberAt(LOSS) ?? 0,
    ...(correct !== undefined && { correct }),
    ...(counted !== undefined && { counted }),
    ...(norm !== undefined && { norm }),
    ...(part !== undefined && { part }),
  }
}

/** Of the results, those that are named, in memory of their own. */
export const copied = (results: Readonly<Record<string, OnnxTensor>>, names: readonly string[]): Outputs =>
  Object.fromEntries(
    names.flatMap((name) => {
      const found = results[name]
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the constructor checks dtype, array and shape against each other
      return found === undefined ? [] : [[name, new Tensor(found.type as 'float32', found.data.slice() as Float32Array<ArrayBuffer>, found.dims)] as const] // prettier-ignore
    }),
  )

/** @throws `training-diverged` */
export const checkNumbers = ({ loss, norm = 0 }: Told, step?: number): void => {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return
  const what = Number.isFinite(loss) ? `the norm of the gradients is ${norm}` : `the loss is ${loss}`
  const where = step === undefined ? '' : ` in step ${step}`
  const samples =
    'look for bad samples: elements that are no numbers, rows of which a mask hides all (a softmax over -inf alone is no number)'
  // No rate has been applied before the first step.
  const rate = step === 1 ? '' : '; else lower the learning rate, or clip the gradients (clipNorm)'
  throw failure('training-diverged', `${what}${where}: ${samples}${rate}. The state is as it was before`)
}
