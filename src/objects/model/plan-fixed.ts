import type { ModelShape } from '../../core/self.ts'
import type { Graph } from '../../graph/graph.ts'
import { followSamples, isLost } from '../../graph/samples.ts'
import type { BatchPlan, OutputPlan, Planned } from './batch-plan.ts'
import { mixingOf, outputsOf } from './output-plans.ts'
import { type Axes, axesWhere, flowsOf, LENGTHS, outputFlows, sidesOf, tried, type Tried, typesFor } from './trials.ts'

/** A graph of one sample: what its outputs become for several is found by letting it take several. */
export const planOne = (graph: Graph, stated: BatchPlan, { outputs: specs }: ModelShape): Planned => {
  const ranked = new Map([...graph.inputs].filter(([, { shape }]) => shape[0] === 1))
  // An input beside the first may be the same for all samples.
  const candidates: readonly Axes[] = [
    axesWhere(graph, (side, name) => ranked.has(name) && side === 1),
    axesWhere(graph, (side, name) => (ranked.get(name)?.shape.length ?? 0) > 1 && side === 1),
    new Map([...ranked.keys()].slice(0, 1).map((name) => [name, 0])),
  ]
  let best: { readonly run: Tried; readonly lost: number } | undefined
  for (const axes of candidates) {
    const run = tried(graph, axes, { misfits: true })
    const lost = run && outputFlows(graph, flowsOf(graph, run)).filter(isLost).length
    if (run !== undefined && lost !== undefined && lost < (best?.lost ?? Infinity)) best = { run, lost }
  }
  return { plan: best === undefined ? stated : { ...stated, outputs: outputsOf(graph, best.run, 1, specs) }, warnings: [] }
}

/** A graph of N samples: whether a run that is filled up gives its samples the same, and which outputs it then cuts. */
export const planMany = (graph: Graph, stated: BatchPlan, samples: number): Planned => {
  const firsts = new Map([...graph.inputs].flatMap(([name, { shape }]): [string, number][] => (shape[0] === samples ? [[name, 0]] : [])))
  const types = LENGTHS.map((length) => typesFor(sidesOf(graph, firsts, samples, length))).find((found) => typeof found === 'object')
  if (types === undefined) return { plan: stated, warnings: [] }
  const flows = followSamples(graph, firsts, samples, types)
  const outputs = Object.fromEntries(
    [...graph.outputs.keys()].map((name): [string, OutputPlan] => {
      const flow = flows.get(name)
      if (flow === 'none') return [name, { join: 'once' }]
      const counted = typeof flow === 'number' && types.types.get(name)?.shape[flow] === samples
      return [name, counted ? { join: 'axis', axis: flow } : (stated.outputs[name] ?? { join: 'ask' })]
    }),
  )
  const found = outputFlows(graph, flows)
  const cuttable = Object.values(outputs).every(({ join }) => join === 'axis' || join === 'once')
  const mixing = mixingOf(graph, found)
  return {
    plan: { ...stated, outputs, independent: cuttable && !found.some(isLost) },
    warnings: mixing === undefined ? [] : [`${mixing}, so only whole batches of ${samples} can be run`],
  }
}
