import type { ModelShape } from '../../core/self.ts'
import type { Dim, Graph } from '../../graph/graph.ts'
import { isLost } from '../../graph/samples.ts'
import type { BatchPlan, Planned } from './batch-plan.ts'
import { mixingOf, outputsOf } from './output-plans.ts'
import { axesWhere, flowsOf, outputFlows, SAMPLES, type Axes, tried, type Tried } from './trials.ts'

const size = (shape: readonly Dim[]): number =>
  shape.reduce<number>((total, side) => total * (typeof side === 'number' ? side : Number.NaN), 1)

/** Outputs whose stated shape promises a row a sample, which the graph does not give. */
const broken = (graph: Graph, { axes, one, several }: Tried): string | undefined => {
  const names = new Set([...axes].map(([name, axis]) => graph.inputs.get(name)?.shape[axis]))
  for (const [output, stated] of graph.outputs) {
    const at = stated.shape.findIndex((side) => typeof side === 'string' && names.has(side))
    const [before, after] = [one.types.get(output)?.shape, several?.types.get(output)?.shape]
    if (at < 0 || before === undefined || after === undefined || after[at] === SAMPLES) continue
    // What holds for one sample, and not for several.
    if (before[at] === 1 && size(after) === SAMPLES * size(before))
      return `output "${output}" is stated as [${stated.shape.join(', ')}], but its graph gives [${after.join(', ')}] for ${SAMPLES} samples`
  }
  return undefined
}

/**
 * Whether what is stated of the outputs holds for one sample. Where it does not, or several sides are open, that several
 * samples do not fit may be for another reason: an input of another length, to which one sample is broadcast.
 */
const holdsForOne = (graph: Graph, { axes, one }: Tried): boolean => {
  const names = new Set([...axes].map(([name, axis]) => graph.inputs.get(name)?.shape[axis]))
  return [...graph.outputs].every(([name, { shape }]) =>
    shape.every((side, at) => typeof side === 'number' || !names.has(side) || (one.types.get(name)?.shape[at] ?? 1) === 1),
  )
}

/** A graph whose batch is open: run whole, unless its graph takes one sample. */
export const planOpen = (graph: Graph, stated: BatchPlan, { outputs: specs }: ModelShape): Planned => {
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
  const misfit = open.size === 1 && holdsForOne(graph, first) ? first.reason : undefined
  if (first.reason !== undefined && misfit === undefined) return { plan: stated, warnings: [] }
  const reason = misfit ?? broken(graph, first)
  if (reason !== undefined) {
    const outputs = outputsOf(graph, { axes: first.axes, one: first.one }, 1, specs)
    return {
      plan: { size: 1, inputs: inputs(first.axes), outputs, independent: true },
      warnings: [`the model states an open batch, but takes one sample at a time: ${reason}; so each sample is a run of its own`],
    }
  }
  const flows = outputFlows(graph, flowsOf(graph, first))
  const mixing = mixingOf(graph, flows)
  return {
    plan: { ...stated, inputs: inputs(first.axes), independent: !flows.some(isLost) },
    warnings: mixing === undefined ? [] : [`${mixing}, so a sample's result depends on the others that it is run with`],
  }
}
