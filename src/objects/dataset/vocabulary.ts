import { failure } from '../../core/errors.ts'
import { filterSliced, sortSliced } from '../../core/slices.ts'
import { wordsOf } from '../pipeline/words.ts'

export interface VocabularyOptions {
  /** Words at the most, the most frequent first. Default 10,000. */
  readonly size?: number
  /** Words that stand in fewer texts are left out. Default 1. */
  readonly minCount?: number
  /** A to Z become a to z. Default true. */
  readonly lowercase?: boolean
}
export const MOST_WORDS = 65_536
const MOST_COUNTED = 5_000_000

/** Counts in how many texts each word stands. */
export const wordCounter = ({ size = 10_000, minCount = 1, lowercase = true }: VocabularyOptions) => {
  if (size > MOST_WORDS) throw failure('invalid-argument', `size ${size}: the most is ${MOST_WORDS}`)
  const counts = new Map<string, number>()
  return {
    add(text: string) {
      for (const word of new Set(wordsOf(text, lowercase))) counts.set(word, (counts.get(word) ?? 0) + 1)
      if (counts.size > MOST_COUNTED) throw failure('too-large', `more than ${MOST_COUNTED} different words: are these texts?`)
    },
    /** By count, and then by the words' UTF-16 code units. */
    async words(): Promise<readonly string[]> {
      const frequent = await filterSliced(counts, ([, count]) => count >= minCount)
      const ordered = await sortSliced(frequent, ([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      return ordered.slice(0, size).map(([word]) => word)
    },
  }
}
