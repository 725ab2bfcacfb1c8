import type { Dim } from '../graph.ts'
import type { InferRule } from './context.ts'
import { broadcastSide, equalSide } from './shapes.ts'

const matMul: InferRule = (at) => {
  const [a, b] = [at.rank(0, 1, Infinity), at.rank(1, 1, Infinity)]
  const dtype = at.sameDType(a, b)
  // A vector is a row on the left and a column on the right; the side that makes it a matrix goes again afterwards.
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape
  const [inner = 1, outer = 1] = [left.at(-1), right.at(-2)]
  if (equalSide(inner, outer) === undefined)
    throw at.wrong(`it multiplies ${inner} columns with ${outer} rows`, 'they must be equal; is a Transpose missing?')
  const rows = a.shape.length === 1 ? [] : [left.at(-2) ?? 1]
  const columns = b.shape.length === 1 ? [] : [right.at(-1) ?? 1]
  return [{ dtype, shape: [...at.broadcast(left.slice(0, -2), right.slice(0, -2)), ...rows, ...columns] }]
}

const gemm: InferRule = (at) => {
  const [a, b] = [at.rank(0, 2), at.rank(1, 2)]
  const c = at.optional(2)
  const dtype = at.sameDType(a, b, c)
  const [m = 1, k = 1] = at.int('transA', 0) === 0 ? a.shape : a.shape.toReversed()
  const [k2 = 1, n = 1] = at.int('transB', 0) === 0 ? b.shape : b.shape.toReversed()
  if (equalSide(k, k2) === undefined)
    throw at.wrong(`it multiplies ${k} columns with ${k2} rows`, 'correct transA and transB, or the weights')
  if (c !== undefined) {
    const shape = at.broadcast([m, n], c.shape)
    const grown =
      shape.length > 2 || [m, n].some((side, i) => typeof side === 'number' && typeof shape[i] === 'number' && side !== shape[i])
    if (grown) throw at.wrong(`its third input does not broadcast to [${m}, ${n}]`, 'give a bias of one number for each column')
  }
  return [{ dtype, shape: [m, n] }]
}

/** The letters of one operand with its ellipsis as `...`. */
const labelsOf = (text: string): readonly string[] => text.match(/\.\.\.|[A-Za-z]/g) ?? []

const einsum: InferRule = (at) => {
  const types = at.all()
  const dtype = at.sameDType(...types)
  const equation = (at.attribute('equation', 'string') ?? '').replaceAll(' ', '')
  const [left = '', right] = equation.split('->')
  const operands = left.split(',').map(labelsOf)
  if (operands.length !== types.length || !/^[A-Za-z.,]*(->[A-Za-z.]*)?$/.test(equation))
    throw at.wrong(`its equation "${equation}" has ${operands.length} operands`, `write one for each of its ${types.length} inputs`)
  const sides = new Map<string, Dim>()
  let ellipsis: readonly Dim[] = []
  for (const [i, labels] of operands.entries()) {
    const shape = types[i]?.shape ?? []
    const letters = labels.filter((label) => label !== '...').length
    const dots = labels.includes('...')
    if (dots ? shape.length < letters : shape.length !== letters)
      throw at.wrong(`operand ${i} of its equation "${equation}" names ${letters} dimensions`, `its input has ${shape.length}`)
    let axis = 0
    for (const label of labels) {
      if (label === '...') {
        const taken = shape.slice(axis, axis + shape.length - letters)
        ellipsis = at.broadcast(ellipsis, taken)
        axis += taken.length
        continue
      }
      const side = shape[axis++] ?? 1
      const known = sides.get(label)
      const joined = known === undefined ? side : broadcastSide(known, side, () => known)
      if (joined === undefined) throw at.wrong(`"${label}" of its equation is ${known} and ${side}`, 'sides of one letter must be equal')
      sides.set(label, joined)
    }
  }
  const all = operands.flat().filter((label) => label !== '...')
  const once = [...new Set(all)].filter((label) => all.indexOf(label) === all.lastIndexOf(label)).toSorted()
  const implied = [...(operands.flat().includes('...') ? ['...'] : []), ...once]
  const result = right === undefined ? implied : labelsOf(right)
  const shape = result.flatMap((label) => {
    if (label === '...') return ellipsis
    const side = sides.get(label)
    if (side === undefined) throw at.wrong(`its equation "${equation}" gives "${label}", which no operand has`, 'correct the equation')
    return [side]
  })
  return [{ dtype, shape }]
}

export const matrices: Readonly<Record<string, InferRule>> = { MatMul: matMul, Gemm: gemm, Einsum: einsum }
