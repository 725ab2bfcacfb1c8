/** Longer words are no typos of ours, and the distance costs their lengths' product. */
const LONGEST = 64

/** Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, changes and swaps of neighbours. */
export const distance = (a: string, b: string): number => {
  let older: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (older[j - 2] ?? 0) + 1)
      row[j] = least
    }
    older = previous
    previous = row
  }
  return previous[b.length] ?? 0
}

/** The word of the list that was probably meant, or undefined where none is near. */
export const nearest = (word: string, words: readonly string[]): string | undefined => {
  if (word.length > LONGEST) return undefined
  let best: string | undefined
  // Up to a third of the letters may be wrong; more is another word.
  let bound = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of words) {
    const far = distance(word.toLowerCase(), candidate.toLowerCase())
    if (far < bound) [best, bound] = [candidate, far]
  }
  return best
}

/** The end of a message about an unknown word: the nearest one, or else all of a short list. */
export const didYouMean = (word: string, words: readonly string[]): string => {
  const meant = nearest(word, words)
  if (meant !== undefined) return `; did you mean \`${meant}\`?`
  return words.length > 12 ? '' : `; known here: ${words.map((known) => `\`${known}\``).join(', ')}`
}

/** The same where all words are listed beside: the nearest one, or nothing. */
export const hint = (word: string, words: readonly string[]): string => {
  const meant = nearest(word, words)
  return meant === undefined ? '' : `; did you mean \`${meant}\`?`
}
