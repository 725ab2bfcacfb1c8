/** Keys in their order, in pieces short enough that one more is put in its place cheaply. */
export interface SortedKeys {
  /** Adds a key that is not there yet. */
  add(key: string): void
  /** Takes out a key that is there. */
  remove(key: string): void
  /** The keys from `first` on. */
  from(first: string): Iterable<string>
}

const PIECE = 512

/** How many of the ordered things come before the key. */
const before = (count: number, at: (index: number) => string, key: string): number => {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (at(middle) < key) low = middle + 1
    else high = middle
  }
  return low
}

export const sortedKeys = (): SortedKeys => {
  const pieces: string[][] = [[]]
  const pieceOf = (key: string) => Math.max(0, before(pieces.length, (index) => pieces[index]?.[0] ?? '', `${key}\0`) - 1)
  const placeIn = (piece: readonly string[], key: string) => before(piece.length, (index) => piece[index] ?? '', key)
  return {
    add(key) {
      const index = pieceOf(key)
      const piece = pieces[index] ?? []
      piece.splice(placeIn(piece, key), 0, key)
      if (piece.length > PIECE) pieces.splice(index + 1, 0, piece.splice(PIECE / 2))
    },
    remove(key) {
      const index = pieceOf(key)
      const piece = pieces[index] ?? []
      piece.splice(placeIn(piece, key), 1)
      if (piece.length === 0 && pieces.length > 1) pieces.splice(index, 1)
    },
    *from(first) {
      const index = pieceOf(first)
      for (let at = index; at < pieces.length; at++) {
        const piece = pieces[at] ?? []
        for (let place = at === index ? placeIn(piece, first) : 0; place < piece.length; place++) yield piece[place] ?? ''
      }
    },
  }
}
