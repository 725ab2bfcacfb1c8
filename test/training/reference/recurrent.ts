import type { Call, Family, Op } from './call.ts'
import { item, make, type Nd, numbersOf, read } from './nd.ts'
import { sigmoid } from './unary.ts'

type Activation = (x: number) => number

const activations = (call: Call, defaults: readonly string[], direction: number): readonly Activation[] => {
  const names = call.texts('activations') ?? [...defaults, ...defaults]
  return names.slice(direction * defaults.length, (direction + 1) * defaults.length).map((name): Activation => {
    switch (name.toLowerCase()) {
      case 'sigmoid':
        return sigmoid
      case 'tanh':
        return Math.tanh
      case 'relu':
        return (x) => Math.max(0, x)
      default:
        return call.refuse(`the activation ${name}`)
    }
  })
}

/** One sequence of one direction: rows of numbers. */
interface Run {
  /** `rows` x inputs: the weights of an input for each gate, then those of the state. */
  readonly fromInput: (gate: number, unit: number, x: readonly number[]) => number
  readonly fromState: (gate: number, unit: number, h: readonly number[]) => number
  readonly hidden: number
  readonly activations: readonly Activation[]
  readonly peephole: (gate: number, unit: number) => number
  /** The bias of the input's side and that of the state's side of a gate. */
  readonly biasOfInput: (gate: number, unit: number) => number
  readonly biasOfState: (gate: number, unit: number) => number
  readonly clip: (x: number) => number
}
interface State {
  readonly h: readonly number[]
  readonly c: readonly number[]
}
type Step = (run: Run, call: Call, x: readonly number[], state: State) => State

const gateSum = (run: Run, gate: number, unit: number, x: readonly number[], h: readonly number[]): number =>
  run.fromInput(gate, unit, x) + run.fromState(gate, unit, h) + run.biasOfInput(gate, unit) + run.biasOfState(gate, unit)

const units = (run: Run, element: (unit: number) => number): number[] => Array.from({ length: run.hidden }, (_, unit) => element(unit))

const rnnStep: Step = (run, _, x, { h, c }) => {
  const [f = Math.tanh] = run.activations
  return { h: units(run, (unit) => f(run.clip(gateSum(run, 0, unit, x, h)))), c }
}

// Gates in the order i, o, f, c; peepholes in the order i, o, f.
const lstmStep: Step = (run, call, x, { h, c }) => {
  const [f = sigmoid, g = Math.tanh, last = Math.tanh] = run.activations
  const gate = (index: number, unit: number, cell: number) =>
    f(run.clip(gateSum(run, index, unit, x, h) + run.peephole(index, unit) * cell))
  const cells = units(run, (unit) => {
    const old = item(c, unit)
    const input = gate(0, unit, old)
    const forget = call.flag('input_forget') ? 1 - input : gate(2, unit, old)
    return forget * old + input * g(run.clip(gateSum(run, 3, unit, x, h)))
  })
  return { h: units(run, (unit) => gate(1, unit, item(cells, unit)) * last(item(cells, unit))), c: cells }
}

// Gates in the order z, r, h.
const gruStep: Step = (run, call, x, { h, c }) => {
  const [f = sigmoid, g = Math.tanh] = run.activations
  const update = units(run, (unit) => f(run.clip(gateSum(run, 0, unit, x, h))))
  const reset = units(run, (unit) => f(run.clip(gateSum(run, 1, unit, x, h))))
  const before = call.flag('linear_before_reset')
  const resetState = h.map((value, unit) => value * item(reset, unit))
  const candidate = units(run, (unit) => {
    const input = run.fromInput(2, unit, x) + run.biasOfInput(2, unit)
    const state = before
      ? item(reset, unit) * (run.fromState(2, unit, h) + run.biasOfState(2, unit))
      : run.fromState(2, unit, resetState) + run.biasOfState(2, unit)
    return g(run.clip(input + state))
  })
  return { h: units(run, (unit) => (1 - item(update, unit)) * item(candidate, unit) + item(update, unit) * item(h, unit)), c }
}

const runOf = (call: Call, direction: number, gates: number, hidden: number, defaults: readonly string[]): Run => {
  const [w, r, b, p] = [call.get(1), call.get(2), call.maybe(3), call.maybe(7)]
  const dot = (weights: Nd, row: number, vector: readonly number[]) =>
    vector.reduce((sum, value, i) => sum + value * read(weights, [direction, row, i]), 0)
  const limit = call.node.attributes['clip'] === undefined ? Infinity : call.float('clip', 0)
  return {
    hidden,
    fromInput: (gate, unit, x) => dot(w, gate * hidden + unit, x),
    fromState: (gate, unit, h) => dot(r, gate * hidden + unit, h),
    biasOfInput: (gate, unit) => (b ? read(b, [direction, gate * hidden + unit]) : 0),
    biasOfState: (gate, unit) => (b ? read(b, [direction, (gates + gate) * hidden + unit]) : 0),
    peephole: (gate, unit) => (p ? read(p, [direction, gate * hidden + unit]) : 0),
    activations: activations(call, defaults, direction),
    clip: (x) => Math.min(Math.max(x, -limit), limit),
  }
}

const recurrent =
  (step: Step, gates: number, defaults: readonly string[]): Op =>
  (call) => {
    const x = call.get(0)
    const batchFirst = call.flag('layout')
    const [length = 0, batch = 0, inputs = 0] = batchFirst ? [x.shape[1], x.shape[0], x.shape[2]] : x.shape
    const directions = call.text('direction', 'forward') === 'bidirectional' ? 2 : 1
    const hidden = item(call.get(2).shape, 2)
    const given = call.maybe(4)
    const lengths = given ? numbersOf(given) : Array.from({ length: batch }, () => length)
    const initial = (index: number, direction: number, n: number) => {
      const held = call.maybe(index)
      return Array.from({ length: hidden }, (_, i) => (held ? read(held, batchFirst ? [n, direction, i] : [direction, n, i]) : 0))
    }
    const rows = new Map<string, readonly number[]>()
    const ends = new Map<string, State>()
    for (let direction = 0; direction < directions; direction++) {
      const run = runOf(call, direction, gates, hidden, defaults)
      const backwards = direction === 1 || call.text('direction', 'forward') === 'reverse'
      for (let n = 0; n < batch; n++) {
        let state: State = { h: initial(5, direction, n), c: initial(6, direction, n) }
        const own = item(lengths, n)
        for (let i = 0; i < own; i++) {
          const t = backwards ? own - 1 - i : i
          const at = Array.from({ length: inputs }, (_, j) => read(x, batchFirst ? [n, t, j] : [t, n, j]))
          state = step(run, call, at, state)
          rows.set([t, direction, n].join(), state.h)
        }
        ends.set([direction, n].join(), state)
      }
    }
    // Beyond its own length a sequence gives zeros; its last state is that of its own end.
    const y = (t: number, direction: number, n: number, i: number) => rows.get([t, direction, n].join())?.[i] ?? 0
    const end = (part: 'h' | 'c') => (direction: number, n: number, i: number) => item(ends.get([direction, n].join())?.[part] ?? [], i)
    const last = (part: 'h' | 'c') =>
      batchFirst
        ? make(x.dtype, [batch, directions, hidden], ([n = 0, d = 0, i = 0]) => end(part)(d, n, i))
        : make(x.dtype, [directions, batch, hidden], ([d = 0, n = 0, i = 0]) => end(part)(d, n, i))
    const all = batchFirst
      ? make(x.dtype, [batch, length, directions, hidden], ([n = 0, t = 0, d = 0, i = 0]) => y(t, d, n, i))
      : make(x.dtype, [length, directions, batch, hidden], ([t = 0, d = 0, n = 0, i = 0]) => y(t, d, n, i))
    return [all, last('h'), last('c')]
  }

/** Recurrent layers, one number after the other. */
export const recurrence: Family = {
  RNN: recurrent(rnnStep, 1, ['Tanh']),
  LSTM: recurrent(lstmStep, 4, ['Sigmoid', 'Tanh', 'Tanh']),
  GRU: recurrent(gruStep, 3, ['Sigmoid', 'Tanh']),
}
