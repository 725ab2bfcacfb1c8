import { failure } from '../../core/errors.ts'
import type { Feeds } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'

/**
 * Each part's share of the joined batch.
 * @throws `unsupported` where several losses share the parts out differently: one mean cannot be right for all
 */
export const sharesOf = (weights: readonly (readonly number[])[]): number[] => {
  const by = (loss: number) => {
    const total = weights.reduce((sum, each) => sum + (each[loss] ?? 0), 0)
    return weights.map((each) => (each[loss] ?? 0) / total)
  }
  const shares = by(0)
  for (let loss = 1; loss < (weights[0]?.length ?? 0); loss++)
    if (by(loss).some((share, i) => Math.abs(share - (shares[i] ?? 0)) > 1e-9))
      throw failure('unsupported', 'losses weigh the parts of this batch differently (class weights, ignored elements, lengths): train on several nodes with one loss, or with losses that count the same elements') // prettier-ignore
  return shares
}

/**
 * The weighted mean of tensors by name: added up in float64, in the order in which they are given, and rounded once. A part
 * without weight may be empty.
 * @throws `tensor-mismatch`
 */
export const averaged = (parts: readonly { readonly tensors: Feeds; readonly share: number }[]): Map<string, Tensor> => {
  const counting = parts.filter(({ share }) => share > 0)
  const found = new Map<string, Tensor>()
  for (const [name, { shape, size }] of Object.entries(counting[0]?.tensors ?? {})) {
    const sum = new Float64Array(size)
    for (const { tensors, share } of counting) {
      const data = tensors[name]?.data
      if (!(data instanceof Float32Array) || data.length !== size)
        throw failure('tensor-mismatch', `a member's "${name}" is not ${size} numbers of float32, as another's is`)
      for (let i = 0; i < size; i++) sum[i] = (sum[i] ?? 0) + share * (data[i] ?? 0)
    }
    found.set(name, new Tensor('float32', Float32Array.from(sum), shape))
  }
  return found
}
