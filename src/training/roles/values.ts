import type { Tensor } from '../../core/tensor.ts'

/** What elements tell: a mask, or a table that follows a formula. Nothing that is learned looks like that. */
export type ValueSign = 'not finite' | 'mask' | 'flags' | 'waves' | 'ramp' | 'diagonals' | 'ratios' | undefined

/** Elements that are looked at: a prefix of a tensor larger than that. */
const LOOKED_AT = 1 << 20
/** What stands for -inf in a mask. */
const LARGE = 1e4

export const elementsOf = ({ data }: Tensor): Float32Array => {
  if (data instanceof Float32Array) return data.length > LOOKED_AT ? data.subarray(0, LOOKED_AT) : data
  return new Float32Array()
}

/** Whether all elements are one number: as new scales (1) and biases (0) are. */
export const isUniform = (tensor: Tensor): boolean => {
  const elements = elementsOf(tensor)
  return elements.length > 0 && elements.every((element) => element === elements[0])
}

const close = (a: number, b: number, scale: number): boolean => Math.abs(a - b) <= 2e-4 * scale

/** The columns of a table [rows, columns], along its second last axis or its last one. */
const columnsOf = (elements: Float32Array, rows: number, columns: number): readonly Float32Array[] =>
  Array.from({ length: columns }, (_, column) => Float32Array.from({ length: rows }, (__, row) => elements[row * columns + column] ?? 0))

/**
 * Whether each column is a wave or a line: v[t + 1] + v[t - 1] = k v[t] with one k of -2 to 2, which holds for sin(wt + p)
 * with k = 2 cos w, and for a + bt with k = 2.
 */
const follows = (column: Float32Array): 'constant' | 'wave' | 'line' | undefined => {
  const first = column[0] ?? 0
  if (column.every((element) => element === first)) return 'constant'
  let [products, squares, largest] = [0, 0, 0]
  for (const element of column) largest = Math.max(largest, Math.abs(element))
  const sum = (t: number) => (column[t + 1] ?? 0) + (column[t - 1] ?? 0)
  for (let t = 1; t + 1 < column.length; t++) {
    const at = column[t] ?? 0
    products += at * sum(t)
    squares += at * at
  }
  const step = (column[1] ?? 0) - first
  if (column.every((element, t) => close(element, first + t * step, largest))) return 'line'
  const k = squares === 0 ? 0 : products / squares
  if (Math.abs(k) > 2.001) return undefined
  for (let t = 1; t + 1 < column.length; t++) if (!close(sum(t), k * (column[t] ?? 0), largest)) return undefined
  return 'wave'
}

const tableSign = (tensor: Tensor, elements: Float32Array): ValueSign => {
  const sides = tensor.shape.filter((side) => side !== 1)
  if (sides.length === 0 || sides.length > 2 || elements.length !== tensor.size) return undefined
  const [rows = 0, columns = 1] = sides
  if (rows < 5 || columns > 4096) return undefined
  const found = columnsOf(elements, rows, columns).map(follows)
  if (found.includes(undefined) || !found.some((each) => each !== 'constant')) return undefined
  return found.includes('wave') ? 'waves' : 'ramp'
}
/** Pairs of sine and cosine in each row, interleaved or in two halves: for tables of too few rows to see the waves. */
const hasPairs = (tensor: Tensor, elements: Float32Array): boolean => {
  const width = tensor.shape.at(-1) ?? 0
  if (width < 4 || width % 2 !== 0 || elements.length < 2 * width || elements.length !== tensor.size) return false
  const half = width / 2
  const all = (pair: (i: number) => readonly [number, number]): boolean => {
    for (let from = 0; from < elements.length; from += width)
      for (let i = 0; i < half; i++) {
        const [a, b] = pair(i)
        if (!close((elements[from + a] ?? 0) ** 2 + (elements[from + b] ?? 0) ** 2, 1, 1)) return false
      }
    return true
  }
  return all((i) => [2 * i, 2 * i + 1]) || all((i) => [i, i + half])
}
/** Numbers of which each is the same multiple of the one before: frequencies, slopes of ALiBi. */
const isGeometric = (elements: Float32Array): boolean => {
  if (elements.length < 4 || elements.length > 4096) return false
  const ratio = (elements[1] ?? 0) / (elements[0] ?? 0)
  if (!(ratio > 0) || Math.abs(ratio - 1) < 1e-3) return false
  return elements.every((element, i) => i === 0 || close(element, ratio * (elements[i - 1] ?? 0), Math.abs(element)))
}

/** Square tables that hold one number along each diagonal: distances of positions, which masks and biases are made of. */
const hasDiagonals = ({ shape, size }: Tensor, elements: Float32Array): boolean => {
  const [rows = 0, side = 0] = shape.slice(-2)
  if (shape.length < 2 || rows !== side || side < 3 || elements.length !== size) return false
  for (let from = 0; from < size; from += side * side)
    for (let i = 0; i + side + 1 < side * side; i++)
      if ((i + 1) % side !== 0 && elements[from + i] !== elements[from + i + side + 1]) return false
  return true
}

/** What a float32 tensor's elements tell; undefined where it may well be learned. */
export const valueSignOf = (tensor: Tensor): ValueSign => {
  const elements = elementsOf(tensor)
  if (elements.some((element) => !Number.isFinite(element))) return elements.every((element) => element === -Infinity || element === 0) ? 'mask' : 'not finite' // prettier-ignore
  if (elements.length < 2) return undefined
  const first = elements[0] ?? 0
  const large = (element: number) => element <= -LARGE
  if (elements.some(large) && elements.every((element) => element === 0 || element === 1 || large(element))) return 'mask'
  if (elements.every((element) => element === first)) return undefined
  if (elements.every((element) => element === 0 || element === 1)) return 'flags'
  const table = tableSign(tensor, elements)
  if (table !== undefined) return table
  if (hasPairs(tensor, elements)) return 'waves'
  if (hasDiagonals(tensor, elements)) return 'diagonals'
  return isGeometric(elements) ? 'ratios' : undefined
}

/** Whether a filter looks written by hand: many elements, and few different numbers. */
export const hasFewNumbers = (tensor: Tensor): boolean => {
  const elements = elementsOf(tensor)
  return elements.length >= 8 && new Set(elements).size <= Math.max(1, Math.floor(elements.length / 4))
}

/** Rows of a table [rows, ...] whose elements are all 0; none where all rows are. */
export const emptyRows = (tensor: Tensor): readonly number[] => {
  const [rows = 0] = tensor.shape
  const elements = tensor.data
  const width = rows === 0 ? 0 : tensor.size / rows
  const found: number[] = []
  if (!(elements instanceof Float32Array) || width === 0) return []
  for (let row = 0; row < rows; row++) {
    let empty = true
    for (let i = row * width; empty && i < (row + 1) * width; i++) empty = elements[i] === 0
    if (empty) found.push(row)
  }
  return found.length === rows ? [] : found
}
