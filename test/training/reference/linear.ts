import type { Family, Op } from './call.ts'
import { broadcast, each, item, make, type Nd, read, readBroadcast } from './nd.ts'

/** The matrix product over the last two axes; the axes before them are broadcast, a vector is a row or a column. */
export const matmul = (a: Nd, b: Nd): Nd => {
  const left: Nd = a.shape.length === 1 ? { ...a, shape: [1, ...a.shape] } : a
  const right: Nd = b.shape.length === 1 ? { ...b, shape: [...b.shape, 1] } : b
  const rows = left.shape.at(-2) ?? 0
  const columns = right.shape.at(-1) ?? 0
  const inner = left.shape.at(-1) ?? 0
  if (inner !== right.shape.at(-2)) throw new RangeError(`[${a.shape.join()}] by [${b.shape.join()}]`)
  const batch = broadcast(left.shape.slice(0, -2), right.shape.slice(0, -2))
  // Broadcasting must not touch the last two axes: they are written out, those before may be 1.
  const element = (from: Nd, at: readonly number[], row: number, column: number) => readBroadcast(from, [...at, row, column])
  const found = make(a.dtype, [...batch, rows, columns], (at) => {
    const lead = at.slice(0, -2)
    let sum = 0
    for (let k = 0; k < inner; k++) sum += element(left, lead, at.at(-2) ?? 0, k) * element(right, lead, k, at.at(-1) ?? 0)
    return sum
  })
  const shape = [...batch, ...(a.shape.length === 1 ? [] : [rows]), ...(b.shape.length === 1 ? [] : [columns])]
  return { ...found, shape }
}

const gemm: Op = (call) => {
  const [a, b, c] = [call.get(0), call.get(1), call.maybe(2)]
  const transA = call.flag('transA')
  const transB = call.flag('transB')
  const [rows = 0, inner = 0] = transA ? a.shape.toReversed() : a.shape
  const [, columns = 0] = transB ? b.shape.toReversed() : b.shape
  return [
    make(a.dtype, [rows, columns], (at) => {
      const [i = 0, j = 0] = at
      let sum = 0
      for (let k = 0; k < inner; k++) sum += read(a, transA ? [k, i] : [i, k]) * read(b, transB ? [j, k] : [k, j])
      return call.float('alpha', 1) * sum + (c ? call.float('beta', 1) * readBroadcast(c, at) : 0)
    }),
  ]
}

/** `...` as letters of its own, the same for each term, counted from the right. */
const DOTS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'

const einsum: Op = (call) => {
  const all = call.all()
  const [left = '', right] = call.text('equation', '').replaceAll(/\s/g, '').split('->')
  // Capital letters of an equation would collide with those that stand for the dots.
  const capital = /[A-Z]/.test(left) && left.includes('.')
  if (capital) call.refuse('capital letters beside dots')
  const terms = left.split(',').map((term, i) => {
    const dots = item(all.map(({ shape }) => shape.length), i) - term.replace('...', '').length // prettier-ignore
    return term.replace('...', dots > 0 ? DOTS.slice(DOTS.length - dots) : '')
  })
  const widest = terms.reduce(
    (most, term) => Math.max(most, term.split('').filter((l) => left.includes('.') && DOTS.includes(l)).length),
    0,
  )
  const ellipsis = widest > 0 ? DOTS.slice(DOTS.length - widest) : ''
  const letters = terms.join('')
  const once = [...new Set(letters.split(''))].filter((l) => letters.split('').filter((m) => m === l).length === 1 && !ellipsis.includes(l))
  const output = right === undefined ? ellipsis + once.toSorted().join('') : right.replace('...', ellipsis)
  const sides = new Map<string, number>()
  for (const [i, term] of terms.entries()) {
    for (const [axis, letter] of term.split('').entries()) {
      const side = all[i]?.shape[axis] ?? 0
      sides.set(letter, Math.max(side, sides.get(letter) ?? 1))
    }
  }
  const side = (letter: string) => sides.get(letter) ?? 1
  const summed = [...sides.keys()].filter((letter) => !output.includes(letter))
  const value = (places: ReadonlyMap<string, number>) =>
    terms.reduce((product, term, i) => {
      const from = all[i]
      if (from === undefined) throw new RangeError('more terms than inputs')
      const at = term.split('').map((letter, axis) => (from.shape[axis] === 1 ? 0 : (places.get(letter) ?? 0)))
      return product * read(from, at)
    }, 1)
  return [
    make(call.get(0).dtype, output.split('').map(side), (at) => {
      const places = new Map(output.split('').map((letter, axis) => [letter, item(at, axis)]))
      let total = 0
      each(summed.map(side), (inner) => {
        for (const [i, letter] of summed.entries()) places.set(letter, item(inner, i))
        total += value(places)
      })
      return total
    }),
  ]
}

/** Products of matrices and sums over letters. */
export const linear: Family = { MatMul: (call) => [matmul(call.get(0), call.get(1))], Gemm: gemm, Einsum: einsum }
