import type { GraphBuilder, Value } from '../graph/builder.ts'
import type { Graph, Node } from '../graph/graph.ts'
import { failure } from '../core/errors.ts'
import { attributeOf } from '../graph/attributes.ts'
import { builderOf } from '../graph/rebuild.ts'
import { Emit } from './emit.ts'
import { standardRecurrence, sumsOf } from './rules/directions.ts'
import { called, range, shapeOf } from './rules/rule.ts'

/**
 * A graph with its LSTMs as one product a step. onnxruntime's own LSTM shares a batch out among threads, and a thread
 * that is left with one row gives other bits; this form gives the same at any number of threads, and takes no longer.
 * To be done once the gradients are there: they need the node as a whole, and take the sums of its gates from here then.
 */
export const unrolled = (graph: Graph): Graph => {
  const sums = new Map<string, () => Value>()
  const node = (given: Node, b: GraphBuilder): void => {
    const known = given.op === 'Gemm' ? sums.get(given.name) : undefined
    if (known !== undefined) b.node({ ...given, op: 'Identity', inputs: [known().name], attributes: {} })
    else if (given.op !== 'LSTM') b.node(given)
    else for (const [place, { sums: rows }] of unroll(b, given).entries()) sums.set(sumsOf(given, place), rows)
  }
  return builderOf(graph, { node }).build()
}

/** The results of one direction. */
interface Run {
  /** [1, batch, hidden] a step, in the order of time. */
  readonly results: readonly Value[]
  /** [batch, hidden] */
  readonly last: Value
  readonly cell: Value
  /** Of all gates, before they are squashed, as its gradient has them in rows. */
  readonly sums: () => Value
}

const unroll = (b: GraphBuilder, node: Node): readonly Run[] => {
  const e = new Emit({ b, node })
  standardRecurrence(node, ['Sigmoid', 'Tanh', 'Tanh'])
  const inputs = node.inputs.map((name) => (name === '' ? undefined : b.value(name)))
  const [, , r] = inputs
  if (r === undefined) throw failure('bad-model', `${called(node)} has fewer than three inputs`)
  const [directions = 1] = shapeOf(r)
  const backwards = attributeOf(node, 'direction', 'string') === 'reverse'
  const runs = range(directions).map((d) => run(e, inputs, d, backwards || d === 1))
  const [all = '', last = '', cell = ''] = node.outputs
  const give = (name: string, value: () => Value): void => {
    if (name !== '')
      b.node({ op: 'Identity', name: b.fresh(`${node.name}/${name}`), inputs: [value().name], outputs: [name], attributes: {} })
  }
  const stacked = (values: readonly Value[]): Value => e.concat(values.map((value) => e.reshape(value, [1, ...shapeOf(value)])), 0) // prettier-ignore
  const inTime = ({ results }: Run): Value => {
    const rows = e.concat(results, 0)
    const [steps = 1, batch = 1, hidden = 1] = shapeOf(rows)
    return e.reshape(rows, [steps, 1, batch, hidden])
  }
  give(all, () => e.concat(runs.map(inTime), 1))
  give(last, () => stacked(runs.map((found) => found.last))) // prettier-ignore
  give(cell, () => stacked(runs.map((found) => found.cell))) // prettier-ignore
  return runs
}

const run = (e: Emit, inputs: readonly (Value | undefined)[], d: number, backwards: boolean): Run => {
  const [x, w, r, bias, lengths, h0, c0, peeps] = inputs.map((value, i) =>
    value === undefined || i === 0 || i === 4 ? value : e.reshape(e.slice(value, 0, d, d + 1), shapeOf(value).slice(1)),
  )
  if (x === undefined || w === undefined || r === undefined) throw failure('internal', 'an LSTM without weights')
  const [steps = 1, batch = 1, width = 1] = shapeOf(x)
  const [gates = 4, hidden = 1] = shapeOf(r)
  const halves = bias === undefined ? [] : e.split(bias, 0, [gates, gates])
  const both = halves[0] === undefined || halves[1] === undefined ? undefined : e.add(halves[0], halves[1])
  const sums = e.split(e.gemm(e.reshape(x, [steps * batch, width]), w, { transB: 1, plus: both }), 0, range(steps).map(() => batch)) // prettier-ignore
  const [pi, po, pf] = peeps === undefined ? [] : e.split(peeps, 0, [hidden, hidden, hidden])
  let h = h0 ?? e.full(0, x, [batch, hidden])
  let c = c0 ?? e.full(0, x, [batch, hidden])
  const wide = lengths === undefined ? undefined : e.reshape(e.cast(lengths, 'int64'), [batch, 1])
  const peeped = (sum: Value, cell: Value, weight: Value | undefined): Value =>
    weight === undefined ? sum : e.add(sum, e.mul(cell, weight))
  const results: Value[] = []
  const all: Value[] = []
  for (const step of backwards ? range(steps).reverse() : range(steps)) {
    const sum = e.gemm(h, r, { transB: 1, plus: sums[step] })
    all[step] = sum
    const g = e.tanh(e.slice(sum, 1, 3 * hidden, 4 * hidden))
    const [keep, cell] = [h, c]
    let o: Value
    if (peeps === undefined) {
      const [i = sum, open = sum, f = sum] = e.split(e.sigmoid(e.slice(sum, 1, 0, 3 * hidden)), 1, [hidden, hidden, hidden])
      c = e.add(e.mul(f, cell), e.mul(i, g))
      o = open
    } else {
      const [i = sum, open = sum, f = sum] = e.split(e.slice(sum, 1, 0, 3 * hidden), 1, [hidden, hidden, hidden])
      c = e.add(e.mul(e.sigmoid(peeped(f, cell, pf)), cell), e.mul(e.sigmoid(peeped(i, cell, pi)), g))
      o = e.sigmoid(peeped(open, c, po))
    }
    h = e.mul(o, e.tanh(c))
    if (wide === undefined) {
      results[step] = e.reshape(h, [1, batch, hidden])
      continue
    }
    // Padding leaves the state as it is, and gives zeros.
    const there = e.compare('Greater', wide, step)
    results[step] = e.reshape(e.masked(there, h), [1, batch, hidden])
    h = e.where(there, h, keep)
    c = e.where(there, c, cell)
  }
  return { results, last: h, cell: c, sums: () => e.concat(all, 0) }
}
