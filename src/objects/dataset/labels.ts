import { mapSliced, sortSliced } from '../../core/slices.ts'
import type { Label } from './sample.ts'

/** One class, or one value of the labels. */
export interface LabelCount {
  readonly label: Label
  /** The name of its class, where the data set numbers them. */
  readonly name?: string
  readonly count: number
  /** total / (number of labels * count): what gives every class the same weight in a loss. */
  readonly weight: number
}

/** What labels there are, numbers before texts, in order. */
export const countLabels = async (labels: AsyncIterable<Label | undefined>, classes: readonly string[]): Promise<readonly LabelCount[]> => {
  const counts = new Map<Label, number>()
  let total = 0
  for await (const label of labels) {
    if (label === undefined) continue
    counts.set(label, (counts.get(label) ?? 0) + 1)
    total++
  }
  const order = (a: Label, b: Label) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : typeof a === typeof b ? (a < b ? -1 : 1) : typeof a === 'number' ? -1 : 1
  return mapSliced(await sortSliced(await mapSliced(counts, (entry) => entry), ([a], [b]) => order(a, b)), ([label, count]) => {
    const name = typeof label === 'number' ? classes[label] : undefined
    return { label, ...(name !== undefined && { name }), count, weight: total / (counts.size * count) }
  })
}
