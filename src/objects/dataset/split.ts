import { failure } from '../../core/errors.ts'
import { DRAWING_OPS, opDraws } from '../../core/random.ts'

/** A part of a data set by a seeded hash of the ids: the same whatever else the set holds, and in whatever order. */
export interface Split {
  readonly part: 'train' | 'test'
  /** The share of the test part, from 0 to 1. */
  readonly test: number
  /** Default 0. */
  readonly seed?: number
}

/** Whether an id is in the part. */
export const splitter = (split: Split | undefined): ((id: string) => boolean) => {
  if (split === undefined) return () => true
  const { part, test, seed = 0 } = split
  if (!(test >= 0 && test <= 1)) throw failure('invalid-argument', `split.test ${test}: use a share from 0 to 1`)
  // The last op there can be: no pipeline draws with it.
  return (id) => opDraws(seed, 0, id, DRAWING_OPS - 1).uniform() < test === (part === 'test')
}
