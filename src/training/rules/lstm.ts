import type { Value } from '../../graph/builder.ts'
import {
  type Direction,
  type DirectionGradients,
  atEachStep,
  before,
  masked,
  overSteps,
  startsAnywhere,
  stepsOf,
  sumsOf,
} from './directions.ts'
import { range } from './rule.ts'

/** The gates of all steps, and the cells, in rows. */
interface Gates {
  readonly i: Value
  readonly o: Value
  readonly f: Value
  readonly g: Value
  readonly cells: Value
  readonly cellsBefore: Value
}

/** What an LSTM has beside a GRU. */
export interface Cells {
  readonly c0: Value
  /** Gradient of the cell at the end, and how it joins the steps. */
  readonly ofCells: readonly (Value | undefined)[]
  /** Peepholes [3 * hidden], of gates i, o, f. */
  readonly p: Value | undefined
}

/**
 * Back through time. The results of all steps are known, so the gates are computed again for all steps by one product;
 * only the cells have to be followed step by step, at two small nodes a step, and six for the way back. The gradients of
 * the weights are one product over all steps.
 */
export const lstmGradients = (d: Direction, cells: Cells): DirectionGradients => {
  const { e, hidden } = d
  const hBefore = before(d, d.y, d.h0)
  const bias = d.wBias === undefined || d.rBias === undefined ? undefined : e.add(d.wBias, d.rBias)
  const ofInputs = e.gemm(d.x, d.w, { transB: 1, plus: bias })
  const sums = e.b.op('Gemm', [hBefore, d.r, ofInputs], { transB: 1 }, { name: sumsOf(d.node, d.place) })
  const gates = cells.p === undefined ? gatesOf(d, sums, cells.c0) : peepingGates(d, sums, cells.c0, cells.p)
  const { i, o, f, g, cellsBefore } = gates
  const squashed = e.tanh(gates.cells)

  // Slopes of a step's sums by the gradients of its cell (i, f, g) and of its result (o).
  const bend = (gate: Value): Value => e.mul(gate, e.oneMinus(gate))
  const ofI = e.mul(g, bend(i))
  const ofO = e.mul(squashed, bend(o))
  const ofF = e.mul(cellsBefore, bend(f))
  const ofG = e.mul(i, e.oneMinus(e.square(g)))
  const peep = cells.p === undefined ? undefined : e.split(cells.p, 0, [hidden, hidden, hidden])
  const [pi, po, pf] = peep ?? []
  const through = (slope: Value, weight: Value | undefined, plain: Value): Value =>
    weight === undefined ? plain : e.add(plain, e.mul(slope, weight))
  const down = through(ofO, po, e.mul(o, e.oneMinus(e.square(squashed))))
  const back = through(ofI, pi, through(ofF, pf, f))
  const slopes = stepsOf(d, masked(d, e.concat([ofI, ofO, ofF, ofG], 1)))
  const downs = stepsOf(d, masked(d, down))
  const backs = stepsOf(d, masked(d, back))

  const ofSums: Value[] = []
  const ofCells: Value[] = []
  let [next, carried]: [Value | undefined, Value | undefined] = [undefined, undefined]
  for (const step of [...d.order].reverse()) {
    const [slope, lower, through0] = [slopes[step], downs[step], backs[step]]
    if (slope === undefined || lower === undefined || through0 === undefined) break
    const given = d.ofY[step]
    const h: Value | undefined = next === undefined ? given : e.gemm(next, d.r, { plus: given })
    const parts = [h === undefined ? undefined : e.mul(h, lower), carried, cells.ofCells[step]].filter((part) => part !== undefined)
    const c: Value = parts.length === 0 ? e.full(0, lower) : e.total(parts)
    next = e.mul(e.concat([c, h ?? e.full(0, c), c, c], 1), slope)
    carried = e.mul(c, through0)
    ofSums[step] = next
    ofCells[step] = c
  }
  const all = e.concat(ofSums, 0)
  const total = e.sum(all, [0], false)
  const start = d.order[0] ?? 0
  const anywhere = startsAnywhere(d) && d.latest !== undefined ? d.latest : undefined
  const first = anywhere === undefined ? ofSums[start] : overSteps(d, e.mul(all, anywhere))
  const firstCell = anywhere === undefined ? carried : overSteps(d, e.mul(e.mul(e.concat(ofCells, 0), back), anywhere))
  return {
    x: e.gemm(all, d.w),
    w: e.gemm(all, d.x, { transA: 1 }),
    r: e.gemm(all, hBefore, { transA: 1 }),
    b: e.concat([total, total], 0),
    h0: e.gemm(first ?? all, d.r),
    c0: firstCell ?? e.full(0, cells.c0),
    p: peep === undefined ? undefined : peepGradients(d, all, gates),
  }
}

const peepGradients = ({ e, hidden }: Direction, ofSums: Value, { cells, cellsBefore }: Gates): Value => {
  const part = (gate: number): Value => e.slice(ofSums, 1, gate * hidden, (gate + 1) * hidden)
  const [i, o, f] = [e.mul(part(0), cellsBefore), e.mul(part(1), cells), e.mul(part(2), cellsBefore)]
  return e.concat([i, o, f].map((rows) => e.sum(rows, [0], false)), 0) // prettier-ignore
}

const gatesOf = (d: Direction, sums: Value, c0: Value): Gates => {
  const { e, hidden } = d
  const [i, o, f] = e.split(e.sigmoid(e.slice(sums, 1, 0, 3 * hidden)), 1, [hidden, hidden, hidden])
  const g = e.tanh(e.slice(sums, 1, 3 * hidden, 4 * hidden))
  if (i === undefined || o === undefined || f === undefined) return { i: g, o: g, f: g, g, cells: g, cellsBefore: g }
  // Where padding comes first, it holds the initial cell.
  const held = startsAnywhere(d) && d.active !== undefined ? e.mul(atEachStep(d, c0), e.oneMinus(d.active)) : undefined
  const fresh = held === undefined ? e.mul(i, g) : e.add(masked(d, e.mul(i, g)), held)
  const keeps = stepsOf(d, held === undefined ? f : masked(d, f))
  const adds = stepsOf(d, fresh)
  const cells: Value[] = []
  let cell = c0
  for (const step of d.order) {
    const [keep, add] = [keeps[step], adds[step]]
    if (keep !== undefined && add !== undefined) cells[step] = cell = e.add(e.mul(keep, cell), add)
  }
  const rows = e.concat(cells, 0)
  return { i, o, f, g, cells: rows, cellsBefore: cellsBefore(d, cells, c0) }
}

/** With peepholes the gates depend on the cell before them, so they too are followed step by step. */
const peepingGates = (d: Direction, sums: Value, c0: Value, p: Value): Gates => {
  const { e, hidden } = d
  const [pi, po, pf] = e.split(p, 0, [hidden, hidden, hidden])
  const all = stepsOf(d, sums)
  const masks = startsAnywhere(d) && d.active !== undefined ? stepsOf(d, d.active) : undefined
  const found: Record<'i' | 'o' | 'f' | 'g' | 'cells', Value[]> = { i: [], o: [], f: [], g: [], cells: [] }
  let cell = c0
  for (const step of d.order) {
    const sum = all[step]
    if (sum === undefined || pi === undefined || po === undefined || pf === undefined) break
    const part = (gate: number): Value => e.slice(sum, 1, gate * hidden, (gate + 1) * hidden)
    const i = e.sigmoid(e.add(part(0), e.mul(cell, pi)))
    const f = e.sigmoid(e.add(part(2), e.mul(cell, pf)))
    const g = e.tanh(part(3))
    const stepped = e.add(e.mul(f, cell), e.mul(i, g))
    const mask = masks?.[step]
    cell = mask === undefined ? stepped : e.add(e.mul(stepped, mask), e.mul(cell, e.oneMinus(mask)))
    found.i[step] = i
    found.f[step] = f
    found.g[step] = g
    found.o[step] = e.sigmoid(e.add(part(1), e.mul(cell, po)))
    found.cells[step] = cell
  }
  const rows = (steps: readonly Value[]): Value => e.concat(steps, 0)
  const { i, o, f, g, cells } = found
  return { i: rows(i), o: rows(o), f: rows(f), g: rows(g), cells: rows(cells), cellsBefore: cellsBefore(d, cells, c0) }
}

const cellsBefore = ({ e, order, steps }: Direction, cells: readonly Value[], c0: Value): Value => {
  const previous = new Map(order.map((step, i) => [step, order[i - 1]] as const))
  return e.concat(range(steps).map((step) => cells[previous.get(step) ?? -1] ?? c0), 0) // prettier-ignore
}
