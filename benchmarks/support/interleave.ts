import type { Pair } from './statistics.ts'

/**
 * Measures several sides in turn, round after round, so that whatever else the machine does meets all of them alike.
 * Which side begins is drawn once; one unrecorded round comes first.
 */
export const interleave = async <Side extends string, Sample>(
  rounds: number,
  sides: Readonly<Record<Side, () => Promise<Sample>>>,
  options: { readonly warmUp?: boolean } = {},
): Promise<readonly Readonly<Record<Side, Sample>>[]> => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a Record are its own
  const names = Object.keys(sides) as Side[]
  const first = Math.floor(Math.random() * names.length)
  const order = names.map((_, index) => names[(first + index) % names.length]!)
  const all: Readonly<Record<Side, Sample>>[] = []
  for (let round = options.warmUp === false ? 0 : -1; round < rounds; round++) {
    const samples: Partial<Record<Side, Sample>> = {}
    for (const side of order) samples[side] = await sides[side]()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop above has filled every side
    if (round >= 0) all.push(samples as Record<Side, Sample>)
  }
  return all
}

export const pairsOf = <Side extends string>(rounds: readonly Readonly<Record<Side, number>>[], ours: Side, baseline: Side): Pair[] =>
  rounds.map((round) => ({ ours: round[ours], baseline: round[baseline] }))
