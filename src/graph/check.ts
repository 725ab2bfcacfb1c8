import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { Graph, Node, ValueType } from './graph.ts'

/** What a file says of a graph, before it is known to be one. */
export interface Loose {
  readonly name: string
  readonly opset: number
  readonly inputs: readonly (readonly [string, ValueType])[]
  readonly initializers: readonly (readonly [string, Tensor])[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly (readonly [string, ValueType])[]
  /** Names of an outer graph, which a nested one may use. */
  readonly outer?: ReadonlySet<string>
}

const onlyOnce = (what: string, names: Iterable<string>): Set<string> => {
  const seen = new Set<string>()
  for (const name of names) {
    if (name === '') throw failure('bad-model', `${what} has no name: give it one`)
    if (seen.has(name)) throw failure('bad-model', `${what} "${name}" is there twice: give one of them another name`)
    seen.add(name)
  }
  return seen
}

/** Names for all nodes: errors, and what is kept of a file, go by them. */
const named = (nodes: readonly Node[]): readonly Node[] => {
  const taken = new Set(nodes.map(({ name }) => name))
  const used = new Set<string>()
  const counts = new Map<string, number>()
  return nodes.map((node) => {
    if (node.name !== '' && !used.has(node.name)) {
      used.add(node.name)
      return node
    }
    const base = node.name === '' ? node.op : node.name
    let n = counts.get(base) ?? 0
    while (taken.has(`${base}_${n}`)) n++
    counts.set(base, n + 1)
    const name = `${base}_${n}`
    taken.add(name)
    used.add(name)
    return { ...node, name }
  })
}

/** All names that a graph in an attribute takes from outside. */
const outerNames = (graph: Graph): readonly string[] => {
  const own = new Set([...graph.inputs.keys(), ...graph.initializers.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs)])
  return [...graph.nodes.flatMap(usedBy), ...graph.outputs.keys()].filter((name) => name !== '' && !own.has(name))
}

/** Tensors that a node reads, also through the graphs in its attributes. */
export const usedBy = (node: Node): readonly string[] => [
  ...node.inputs.filter((name) => name !== ''),
  ...Object.values(node.attributes).flatMap((attribute) => (attribute.type === 'graph' ? outerNames(attribute.value) : [])),
]

const CYCLE_SHOWN = 8

/** Nodes that go round, from one of those that could not be placed. */
const cycleOf = (stuck: readonly Node[], maker: ReadonlyMap<string, Node>): readonly string[] => {
  const left = new Set(stuck)
  const seen = new Set<Node>()
  let node = stuck[0]
  while (node !== undefined && !seen.has(node)) {
    seen.add(node)
    node = usedBy(node).flatMap((name) => maker.get(name) ?? []).find((other) => left.has(other)) // prettier-ignore
  }
  const path = [...seen]
  return path.slice(node === undefined ? 0 : path.indexOf(node)).map(({ name, op }) => `${name} (${op})`)
}

/** The nodes in an order in which each tensor is made before it is used: their own where that is one. */
const sorted = (nodes: readonly Node[], given: ReadonlySet<string>): readonly Node[] => {
  const maker = new Map<string, Node>()
  for (const node of nodes) for (const output of node.outputs) if (output !== '') maker.set(output, node)
  const waits = new Map<Node, number>()
  const users = new Map<Node, Node[]>()
  for (const node of nodes) {
    const makers = new Set<Node>()
    for (const name of usedBy(node)) {
      const made = maker.get(name)
      if (made !== undefined) makers.add(made)
      else if (!given.has(name))
        throw failure(
          'bad-model',
          `node ${node.name} (${node.op}): nothing makes its input "${name}": add the initializer, input or node that does`,
        )
    }
    waits.set(node, makers.size)
    for (const made of makers) {
      const all = users.get(made)
      if (all === undefined) users.set(made, [node])
      else all.push(node)
    }
  }
  if (isSorted(nodes, maker)) return nodes
  const order = nodes.filter((node) => waits.get(node) === 0)
  for (let i = 0; i < order.length; i++) {
    const done = order[i]
    for (const user of done === undefined ? [] : (users.get(done) ?? [])) {
      const left = (waits.get(user) ?? 0) - 1
      waits.set(user, left)
      if (left === 0) order.push(user)
    }
  }
  if (order.length === nodes.length) return order
  const cycle = cycleOf(nodes.filter((node) => (waits.get(node) ?? 0) > 0), maker) // prettier-ignore
  const shown = cycle.length > CYCLE_SHOWN ? [...cycle.slice(0, CYCLE_SHOWN), `${cycle.length - CYCLE_SHOWN} more`] : cycle
  throw failure(
    'bad-model',
    `the graph goes round: ${shown.join(' uses ')}, which uses the first again: cut one of these edges, or unroll the loop`,
  )
}

const isSorted = (nodes: readonly Node[], maker: ReadonlyMap<string, Node>): boolean => {
  const done = new Set<Node>()
  return nodes.every((node) => {
    const ready = usedBy(node).every((name) => { const made = maker.get(name); return made === undefined || done.has(made) }) // prettier-ignore
    done.add(node)
    return ready
  })
}

/**
 * A graph of what a file says: every tensor with one name and one producer, nodes named and in order.
 * @throws ActiveStorageError `bad-model` naming the node or tensor, and what to do
 */
export const checkGraph = ({ name, opset, inputs, initializers, nodes, outputs, outer = new Set() }: Loose): Graph => {
  const stored = onlyOnce('the initializer', initializers.map(([own]) => own)) // prettier-ignore
  const fed = onlyOnce('the input', inputs.map(([own]) => own)) // prettier-ignore
  onlyOnce('the output', outputs.map(([own]) => own)) // prettier-ignore
  const makers = new Map<string, string>()
  for (const own of [...stored, ...fed]) makers.set(own, stored.has(own) ? 'an initializer' : 'an input')
  const all = named(nodes)
  for (const node of all) {
    for (const output of node.outputs) {
      if (output === '') continue
      const other = makers.get(output)
      if (other !== undefined)
        throw failure(
          'bad-model',
          `node ${node.name} (${node.op}) makes "${output}", which ${other} makes already: give one of them another name`,
        )
      makers.set(output, `node ${node.name}`)
    }
  }
  const order = sorted(all, new Set([...stored, ...fed, ...outer]))
  for (const [output] of outputs)
    if (!makers.has(output) && !outer.has(output))
      throw failure('bad-model', `nothing makes the output "${output}": add the node that does, or leave it out`)
  return {
    name,
    opset,
    inputs: new Map(inputs.filter(([own]) => !stored.has(own))),
    initializers: new Map(initializers),
    nodes: order,
    outputs: new Map(outputs),
  }
}
