import { isActiveStorageError } from '../../core/errors.ts'
import type { ModelShape } from '../../core/self.ts'
import type { Dim, Graph } from '../../graph/graph.ts'
import { type Flow, followSamples, isLost } from '../../graph/samples.ts'
import { type GraphTypes, typesOf } from '../../graph/types.ts'
import { type BatchPlan, joinOf, type OutputPlan, statedPlan } from './batch-plan.ts'

/** A plan, and what whoever puts the model should know of it. */
export interface Planned {
  readonly plan: BatchPlan
  readonly warnings: readonly string[]
}

/** Lengths that open sides are given while a graph is tried, the first that fits: pictures and texts of usual sizes. */
const LENGTHS = [64, 224, 16, 256]
/** Samples in the batch that is followed: no side is likely to be a multiple of it by chance. */
const SAMPLES = 7

type Axes = ReadonlyMap<string, number>
/** The types of a graph for one sample and for several, or why there are none. */
interface Tried {
  readonly axes: Axes
  readonly one: GraphTypes
  readonly several?: GraphTypes
  readonly reason?: string
}

const sidesOf = (graph: Graph, axes: Axes, samples: number, length: number): Graph => {
  const batch = new Set<Dim | undefined>(
    [...axes].map(([name, axis]) => graph.inputs.get(name)?.shape[axis]).filter((side) => typeof side === 'string'),
  )
  const bound = (name: string, side: Dim, at: number): Dim => {
    if (axes.get(name) === at || batch.has(side)) return samples
    return typeof side === 'string' ? length : side
  }
  return {
    ...graph,
    inputs: new Map(
      [...graph.inputs].map(([name, type]) => [name, { ...type, shape: type.shape.map((side, at) => bound(name, side, at)) }]),
    ),
  }
}

const typesFor = (graph: Graph): GraphTypes | string | undefined => {
  try {
    return typesOf(graph, { partial: true })
  } catch (error) {
    if (isActiveStorageError(error, 'bad-model')) return error.text
    return undefined
  }
}

/** Types for one sample and several, at the first lengths of other open sides that fit one; undefined where none does. */
const tried = (graph: Graph, axes: Axes): Tried | undefined => {
  for (const length of LENGTHS) {
    const one = typesFor(sidesOf(graph, axes, 1, length))
    if (one === undefined) return undefined
    if (typeof one === 'string') continue
    const several = typesFor(sidesOf(graph, axes, SAMPLES, length))
    if (several === undefined) return undefined
    return { axes, one, ...(typeof several === 'string' ? { reason: several } : { several }) }
  }
  return undefined
}

const flowsOf = (graph: Graph, { axes, several }: Tried): ReadonlyMap<string, Flow> =>
  several === undefined ? new Map() : followSamples(graph, axes, SAMPLES, several)

const outputFlows = (graph: Graph, flows: ReadonlyMap<string, Flow>): readonly Flow[] =>
  [...graph.outputs.keys()].map((name) => flows.get(name) ?? { node: name, op: '', mixed: false })

const axesWhere = (graph: Graph, matches: (side: Dim | undefined, name: string) => boolean): Axes =>
  new Map(
    [...graph.inputs].flatMap(([name, { shape }]): [string, number][] => {
      const at = shape.findIndex((side) => matches(side, name))
      return at < 0 ? [] : [[name, at]]
    }),
  )

const size = (shape: readonly Dim[]): number =>
  shape.reduce<number>((total, side) => total * (typeof side === 'number' ? side : Number.NaN), 1)

/** Outputs whose stated shape promises a row a sample, which the graph does not give. */
const broken = (graph: Graph, { axes, one, several }: Tried): string | undefined => {
  const names = new Set([...axes].map(([name, axis]) => graph.inputs.get(name)?.shape[axis]))
  for (const [output, stated] of graph.outputs) {
    const at = stated.shape.findIndex((side) => typeof side === 'string' && names.has(side))
    const [before, after] = [one.types.get(output)?.shape, several?.types.get(output)?.shape]
    if (at < 0 || before === undefined || after === undefined || after[at] === SAMPLES) continue
    if (size(after) === SAMPLES * size(before))
      return `output "${output}" is stated as [${stated.shape.join(', ')}], but its graph gives [${after.join(', ')}] for ${SAMPLES} samples`
  }
  return undefined
}

const onNodes = (flow: Flow): string => (isLost(flow) ? `node ${flow.node} (${flow.op})` : '')

/** A graph whose batch is open: run whole, unless its graph takes one sample. */
const planOpen = (graph: Graph, stated: BatchPlan): Planned => {
  const lead = [...graph.inputs.values()].map(({ shape }) => shape[0]).find((side) => typeof side === 'string')
  const own = tried(
    graph,
    axesWhere(graph, (side) => side === lead),
  )
  if (lead === undefined || own === undefined) return { plan: stated, warnings: [] }
  const open = new Set<Dim>([...graph.inputs.values()].flatMap(({ shape }) => shape.slice(0, 1)).filter((side) => typeof side === 'string'))
  // Two names may stand for one number: then both together are the batch.
  const all = own.several === undefined && open.size > 1 ? tried(graph, axesWhere(graph, (side) => side !== undefined && open.has(side))) : undefined // prettier-ignore
  const first = all?.several === undefined ? own : all
  const inputs = (axes: Axes) =>
    Object.fromEntries(Object.entries(stated.inputs).map(([name, input]) => [name, { ...input, axis: axes.get(name) ?? null }]))
  const reason = first.reason ?? broken(graph, first)
  if (reason !== undefined) {
    const outputs = Object.fromEntries(
      [...graph.outputs].map(([name, { shape }]) => {
        const found = first.one.types.get(name)?.shape
        return [name, joinOf(found ?? shape, 1, new Set())]
      }),
    )
    return {
      plan: { size: 1, inputs: inputs(first.axes), outputs, independent: true },
      warnings: [`the model states an open batch, but takes one sample at a time: ${reason}; so each sample is a run of its own`],
    }
  }
  const flows = outputFlows(graph, flowsOf(graph, first))
  const mixing = flows.find((flow) => isLost(flow) && flow.mixed)
  if (mixing === undefined) return { plan: { ...stated, inputs: inputs(first.axes), independent: !flows.some(isLost) }, warnings: [] }
  // What a recurrent layer mixes along the first axis is time: then another open side is the batch.
  const others =
    !isLost(mixing) || !['LSTM', 'GRU', 'RNN'].includes(mixing.op)
      ? []
      : [...new Set([...graph.inputs.values()].flatMap(({ shape }) => shape.slice(1)))].filter((side) => typeof side === 'string')
  for (const side of others) {
    const other = tried(
      graph,
      axesWhere(graph, (own) => own === side),
    )
    if (other?.several !== undefined && !outputFlows(graph, flowsOf(graph, other)).some(isLost))
      return { plan: { ...stated, inputs: inputs(other.axes), independent: true }, warnings: [] }
  }
  const at = flows.indexOf(mixing)
  return {
    plan: { ...stated, inputs: inputs(first.axes) },
    warnings: [
      `output "${[...graph.outputs.keys()][at] ?? ''}": ${onNodes(mixing)} computes across the samples of a batch, so a sample's result depends on the others that it is run with`,
    ],
  }
}

/** Outputs of a graph whose batch is fixed, from what several samples would give it. */
const outputsOf = (graph: Graph, run: Tried, stated: BatchPlan): Readonly<Record<string, OutputPlan>> => {
  const flows = flowsOf(graph, run)
  return Object.fromEntries(
    [...graph.outputs.keys()].map((name): [string, OutputPlan] => {
      const [flow, shape] = [flows.get(name), run.one.types.get(name)?.shape]
      const byShape = joinOf(shape, 1, new Set())
      if (flow === 'none') return [name, { join: 'once' }]
      if (typeof flow !== 'number' || shape === undefined)
        return [name, byShape.join === 'ask' ? (stated.outputs[name] ?? byShape) : byShape]
      const rows = shape.findIndex((side, at) => at !== flow && typeof side === 'string')
      if (run.several?.types.get(name)?.shape[flow] === SAMPLES) return [name, { join: 'axis', axis: flow, ...(rows >= 0 && { rows }) }]
      return [name, typeof shape[0] === 'string' ? { join: 'rows' } : { join: 'stack', ...(rows >= 0 && { rows }) }]
    }),
  )
}

/** A graph of one sample: what its outputs become for several is found by letting it take several. */
const planOne = (graph: Graph, stated: BatchPlan): Planned => {
  const ranked = new Map([...graph.inputs].filter(([, { shape }]) => shape[0] === 1))
  const candidates = [
    axesWhere(graph, (side, name) => ranked.has(name) && side === 1),
    axesWhere(graph, (side, name) => (ranked.get(name)?.shape.length ?? 0) > 1 && side === 1),
    new Map([...ranked.keys()].slice(0, 1).map((name) => [name, 0])),
  ]
  let best: Tried | undefined
  for (const axes of candidates) {
    const run = tried(graph, axes)
    if (run === undefined) continue
    best ??= run
    if (run.several === undefined) continue
    if (best.several === undefined) best = run
    if (!outputFlows(graph, flowsOf(graph, run)).some(isLost)) {
      best = run
      break
    }
  }
  if (best === undefined) return { plan: stated, warnings: [] }
  return { plan: { ...stated, outputs: outputsOf(graph, best, stated) }, warnings: [] }
}

/** A graph of N samples: whether a run that is filled up gives its samples the same, and which outputs it then cuts. */
const planFixed = (graph: Graph, stated: BatchPlan, samples: number): Planned => {
  const axes = axesWhere(graph, (side) => side === samples)
  const firsts = new Map([...axes].filter(([, axis]) => axis === 0))
  for (const length of LENGTHS) {
    const types = typesFor(sidesOf(graph, firsts, samples, length))
    if (typeof types === 'string') continue
    if (types === undefined) break
    const flows = followSamples(graph, firsts, samples, types)
    const outputs = Object.fromEntries(
      [...graph.outputs.keys()].map((name): [string, OutputPlan] => {
        const [flow, shape] = [flows.get(name), types.types.get(name)?.shape]
        if (flow === 'none') return [name, { join: 'once' }]
        return [
          name,
          typeof flow === 'number' && shape?.[flow] === samples ? { join: 'axis', axis: flow } : (stated.outputs[name] ?? { join: 'ask' }),
        ]
      }),
    )
    const found = outputFlows(graph, flows)
    const mixing = found.find((flow) => isLost(flow) && flow.mixed)
    const at = mixing === undefined ? '' : ([...graph.outputs.keys()][found.indexOf(mixing)] ?? '')
    return {
      plan: {
        ...stated,
        outputs,
        independent: !found.some(isLost) && Object.values(outputs).every(({ join }) => join === 'axis' || join === 'once'),
      },
      warnings: mixing === undefined ? [] : [`output "${at}": ${onNodes(mixing)} computes across the samples of a batch, so only whole batches of ${samples} can be run`], // prettier-ignore
    }
  }
  return { plan: stated, warnings: [] }
}

/**
 * How a model takes a batch: by its graph, as far as that can be read, else by the shapes that it states.
 * @param graph the graph in a form that types can be inferred of; undefined where it cannot be read
 */
export const planOf = (shape: ModelShape, graph: Graph | undefined): Planned => {
  const stated = statedPlan(shape)
  if (graph === undefined) return { plan: stated, warnings: [] }
  try {
    if (stated.size === null) return planOpen(graph, stated)
    return stated.size === 1 ? planOne(graph, stated) : planFixed(graph, stated, stated.size)
  } catch (error) {
    // onnxruntime has loaded it: what is odd about a node here keeps no one from running it.
    if (isActiveStorageError(error) && error.code !== 'internal') return { plan: stated, warnings: [] }
    throw error
  }
}
