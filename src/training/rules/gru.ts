import type { Value } from '../../graph/builder.ts'
import { type Direction, type DirectionGradients, before, masked, overSteps, startsAnywhere, stepsOf } from './directions.ts'

/**
 * Back through time. All states are known from the results, so the gates of all steps are computed again at once;
 * only the way back goes step by step.
 */
export const gruGradients = (d: Direction, resetAfter: boolean): DirectionGradients => {
  const { e, hidden } = d
  const hBefore = before(d, d.y, d.h0)
  const ofInputs = e.gemm(d.x, d.w, { transB: 1, plus: d.wBias })
  const two = (x: Value, axis: number): Value => e.slice(x, axis, 0, 2 * hidden)
  const third = (x: Value, axis: number): Value => e.slice(x, axis, 2 * hidden, 3 * hidden)
  const [rGates, rNew] = [two(d.r, 0), third(d.r, 0)]
  const [bGates, bNew] = d.rBias === undefined ? [] : [two(d.rBias, 0), third(d.rBias, 0)]
  const sums = e.gemm(hBefore, rGates, { transB: 1, plus: bGates === undefined ? two(ofInputs, 1) : e.add(two(ofInputs, 1), bGates) })
  const gates = e.sigmoid(sums)
  const [z, r] = [e.slice(gates, 1, 0, hidden), e.slice(gates, 1, hidden, 2 * hidden)]
  // What the reset gate scales: the product of the state, or the state itself.
  const scaled = resetAfter ? e.gemm(hBefore, rNew, { transB: 1, plus: bNew }) : hBefore
  const reset = e.mul(r, scaled)
  const fresh = e.tanh(
    resetAfter
      ? e.add(third(ofInputs, 1), reset)
      : e.gemm(reset, rNew, { transB: 1, plus: bNew === undefined ? third(ofInputs, 1) : e.add(third(ofInputs, 1), bNew) }),
  )

  // Slopes by the gradient of a step's state; that of r by the gradient of what it scales.
  const bend = (gate: Value): Value => e.mul(gate, e.oneMinus(gate))
  const ofNew = masked(d, e.mul(e.oneMinus(z), e.oneMinus(e.square(fresh))))
  const ofZ = masked(d, e.mul(e.sub(hBefore, fresh), bend(z)))
  const bendR = e.mul(scaled, bend(r))
  const kept = masked(d, z)
  const keeps = stepsOf(d, kept)

  const ofStates: Value[] = []
  const ofGates: Value[] = []
  const flows: Value[] = []
  const walk = (backwards: (h: Value, keep: Value, step: number) => Value): void => {
    let h: Value | undefined
    for (const step of [...d.order].reverse()) {
      const keep = keeps[step]
      if (keep === undefined) break
      const given = d.ofY[step]
      const state = h === undefined ? (given ?? e.full(0, d.h0)) : given === undefined ? h : e.add(given, h)
      ofStates[step] = state
      h = backwards(state, keep, step)
      flows[step] = h
    }
  }
  if (resetAfter) {
    const slopes = stepsOf(d, e.concat([ofZ, e.mul(ofNew, bendR), e.mul(ofNew, r)], 1))
    walk((h, keep, step) => {
      const flow = e.mul(e.concat([h, h, h], 1), slopes[step] ?? h)
      ofGates[step] = flow
      return e.gemm(flow, d.r, { plus: e.mul(h, keep) })
    })
  } else {
    const [news, zs, bends, resets] = [stepsOf(d, ofNew), stepsOf(d, ofZ), stepsOf(d, bendR), stepsOf(d, r)]
    walk((h, keep, step) => {
      const product = e.matmul(e.mul(h, news[step] ?? h), rNew)
      const flow = e.concat([e.mul(h, zs[step] ?? h), e.mul(product, bends[step] ?? h)], 1)
      ofGates[step] = flow
      return e.gemm(flow, rGates, { plus: e.add(e.mul(h, keep), e.mul(product, resets[step] ?? h)) })
    })
  }
  const recurrent = e.concat(ofGates, 0)
  const newSums = e.mul(e.concat(ofStates, 0), ofNew)
  const gateSums = resetAfter ? two(recurrent, 1) : recurrent
  const all = e.concat([gateSums, newSums], 1)
  const total = e.sum(all, [0], false)
  const start = flows[d.order[0] ?? 0]
  return {
    x: e.gemm(all, d.w),
    w: e.gemm(all, d.x, { transA: 1 }),
    r: resetAfter
      ? e.gemm(recurrent, hBefore, { transA: 1 })
      : e.concat([e.gemm(recurrent, hBefore, { transA: 1 }), e.gemm(newSums, reset, { transA: 1 })], 0),
    b: e.concat([total, resetAfter ? e.sum(recurrent, [0], false) : total], 0),
    h0: startsAnywhere(d) && d.latest !== undefined ? overSteps(d, e.mul(e.concat(flows, 0), d.latest)) : (start ?? e.full(0, d.h0)),
  }
}
