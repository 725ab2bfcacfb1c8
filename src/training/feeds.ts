import type { DataOf, DType } from '../core/dtype.ts'
import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { ValueType } from '../graph/graph.ts'
import type { Classes } from './loss.ts'

/** What a batch brings, by the names of the model's inputs and the losses' targets. */
export type Feeds = Readonly<Record<string, Tensor>>

/** The tensor of a name, as a run takes it. @throws `tensor-mismatch`; `invalid-argument` for a class that there is not */
export const fed = (feeds: Feeds, name: string, { dtype, shape }: ValueType, classes: Classes | undefined): Tensor => {
  const tensor = Object.hasOwn(feeds, name) ? feeds[name] : undefined
  if (tensor === undefined) throw failure('tensor-mismatch', `the batch has no "${name}"; it has ${Object.keys(feeds).join(', ')}`)
  if (tensor.dtype !== dtype || tensor.shape.length !== shape.length || shape.some((side, axis) => side !== tensor.shape[axis]))
    throw failure(
      'tensor-mismatch',
      `"${name}" is ${tensor.dtype} [${tensor.shape.join(', ')}] in the batch; it has to be ${dtype} [${shape.join(', ')}]`,
    )
  if (classes !== undefined) checkLabels(name, tensor.data, classes)
  return tensor
}

const checkLabels = (name: string, labels: DataOf<DType>, { classes, ignore }: Classes): void => {
  if (!(labels instanceof BigInt64Array)) return
  const [most, none] = [BigInt(classes), BigInt(ignore)]
  for (const [index, label] of labels.entries()) {
    if ((label >= 0n && label < most) || label === none) continue
    throw failure(
      'invalid-argument',
      `"${name}" names class ${label} at ${index}; the model has classes 0 to ${classes - 1}, and ${ignore} stands for none`,
    )
  }
}
