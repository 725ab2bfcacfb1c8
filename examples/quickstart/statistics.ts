import { opDraws } from '../../src/core/random.ts'

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Median of the pairwise ratios and its 95 % bootstrap interval; the draws are fixed, so a run's figures give one interval. */
export const ratio = (
  ours: readonly number[],
  theirs: readonly number[],
): { readonly value: number; readonly low: number; readonly high: number } => {
  const ratios = ours.map((value, index) => value / theirs[index]!)
  const draws = opDraws(1, 0, 'bootstrap', 0)
  const medians = Array.from({ length: 2000 }, () => median(ratios.map(() => ratios[draws.below(ratios.length)]!))).sort((a, b) => a - b)
  return { value: median(ratios), low: medians[Math.floor(0.025 * medians.length)]!, high: medians[Math.floor(0.975 * medians.length)]! }
}
