import { failure } from '../../core/errors.ts'

/** Names of classes and their numbers. A name keeps its number for ever: new ones come after those that are known. */
export interface Classes {
  readonly names: readonly string[]
  numberOf(name: string): number
}

const MOST_CLASSES = 65_536

/** @param found the names in the data; those that are not known get the next numbers in sorted order */
export const createClasses = (known: readonly string[], found: readonly string[]): Classes => {
  const before = new Set(known)
  const names = [...known, ...[...new Set(found)].filter((name) => !before.has(name)).toSorted((a, b) => (a < b ? -1 : 1))]
  if (names.length > MOST_CLASSES) throw failure('too-large', `${names.length} classes; the most is ${MOST_CLASSES}: are these the labels?`)
  const numbers = new Map(names.map((name, number) => [name, number]))
  return {
    names,
    numberOf: (name) => {
      const number = numbers.get(name)
      if (number === undefined) throw failure('internal', `class "${name}" has no number`)
      return number
    },
  }
}
