import { type Kind, smooth } from '../case.ts'

const matmul = smooth((draw) => {
  const batch = draw.sides(0, 2, 3)
  const [rows, inner, columns] = [draw.int(1, 4), draw.int(1, 4), draw.int(1, 4)]
  const a = draw.int(0, 5) === 0 ? [inner] : [...draw.narrower(batch), rows, inner]
  const b = draw.int(0, 5) === 0 ? [inner] : [...draw.narrower(batch), inner, columns]
  const left = draw.input(a)
  return draw.of(draw.op('MatMul', [left, draw.int(0, 4) === 0 ? draw.floats(b) : draw.input(b)]))
})

const gemm = smooth((draw) => {
  const [rows, inner, columns] = [draw.int(1, 4), draw.int(1, 4), draw.int(1, 4)]
  const [transA, transB] = [draw.pick(undefined, 0, 1), draw.pick(undefined, 0, 1)]
  const inputs = [draw.input(transA ? [inner, rows] : [rows, inner]), draw.input(transB ? [columns, inner] : [inner, columns])]
  if (draw.int(0, 3) > 0) inputs.push(draw.input(draw.pick([], [1], [columns], [1, columns], [rows, 1], [rows, columns], [1, 1])))
  return draw.of(draw.op('Gemm', inputs, { transA, transB, alpha: draw.maybe(() => 0.5), beta: draw.pick(undefined, -1.5) }))
})

/** Equations with the letters of each input; each letter has one side. Dots are two axes, of one side each. */
const equations = [
  'ij,jk->ik',
  'bij,bjk->bik',
  'ij->ji',
  'ij->i',
  'ij->',
  'i,j->ij',
  'i,i->',
  'ij,ij->ij',
  'ij,kj->ik',
  'bhqd,bhkd->bhqk',
  'bhqk,bhkd->bqhd',
  'ijk,k->ij',
  'ij,jk,kl->il',
  'ij,jk',
  'ab,cab->c',
  'nkctv,kvw->nctw',
  '...ij,...jk->...ik',
  'i...->...',
  '...,...->...',
  'ij,...j->...i',
  'a,b,c->abc',
  'ab,bc,ad->cd',
] as const

const einsum = smooth((draw) => {
  const equation = draw.pick(...equations)
  const sides = new Map<string, number>()
  const [left = ''] = equation.split('->')
  const inputs = left.split(',').map((term) =>
    draw.input(
      term
        .replace('...', 'XY')
        .split('')
        .map((letter) => {
          const side = sides.get(letter) ?? draw.int(1, 3)
          sides.set(letter, side)
          return side
        }),
    ),
  )
  return draw.of(draw.op('Einsum', inputs, { equation }))
})

export const matrices: Readonly<Record<string, Kind>> = { MatMul: matmul, Gemm: gemm, Einsum: einsum }
