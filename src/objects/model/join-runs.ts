import { failure } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { BatchPlan, OutputPlan } from './batch-plan.ts'
import { countsOf, cut, filled, joined, withAxis } from './rows.ts'

type Outputs = Readonly<Record<string, Tensor>>

/** Name of the output that counts each sample's rows in another. */
export const countsName = (name: string): string => `${name}.counts`

/** The entry of this very name: a tensor may be called `constructor`. */
const own = (plans: BatchPlan['outputs'], name: string): OutputPlan | undefined => (Object.hasOwn(plans, name) ? plans[name] : undefined)

/** The axis in one run's output whose length depends on the data. */
const rowsAxis = ({ join, rows }: OutputPlan): number | undefined => (join === 'rows' ? 0 : rows)

const ask = (name: string, shape: readonly number[]) =>
  failure(
    'unsupported',
    `the model does not tell where output "${name}", [${shape.join(', ')}] for one run, holds the samples of a batch: say so when it is put, with batch: { outputs: { ${JSON.stringify(name)}: AXIS } } (or null where it is the same for all samples, or 'stack', 'rows' or { axis, rows }, see docs/models.md), or give one sample a call`,
  )

/** @param plan how it is joined @param runs what each run gave, for so many samples @param samples the size of a run */
const joinOutput = (name: string, plan: OutputPlan, parts: readonly Tensor[], count: number, samples: number): Outputs => {
  const first = parts[0]!
  if (plan.join === 'once') return { [name]: first }
  if (plan.join === 'ask') throw ask(name, first.shape)
  if (samples > 1 && plan.join !== 'axis')
    throw failure(
      'unsupported',
      `output "${name}" has no axis for the ${samples} samples of a run, so ${count} samples cannot be run in several or filled up: give exactly ${samples} a call (a loader: batchSize ${samples} with dropLast)`,
    )
  const odd = plan.join === 'axis' ? parts.find(({ shape }) => shape[plan.axis ?? 0] !== samples) : undefined
  if (odd !== undefined) throw ask(name, odd.shape)
  const varying = rowsAxis(plan)
  const counts =
    varying === undefined
      ? undefined
      : parts.flatMap((part) => Array.from({ length: samples }, () => part.shape[varying] ?? 1)).slice(0, count)
  const longest = varying === undefined || plan.join === 'rows' ? 0 : Math.max(...parts.map((part) => part.shape[varying] ?? 0))
  const even = varying === undefined || plan.join === 'rows' ? parts : parts.map((part) => filled(part, varying, longest))
  const axis = plan.join === 'axis' ? (plan.axis ?? 0) : 0
  const whole = joined(name, plan.join === 'stack' ? even.map(withAxis) : even, axis)
  const spare = plan.join === 'axis' && (whole.shape[axis] ?? 0) > count
  return { [name]: spare ? cut(whole, axis, 0, count) : whole, ...(counts !== undefined && { [countsName(name)]: countsOf(counts) }) }
}

/** The outputs of a batch of `count` samples that was run in several runs of `samples` each. */
export const joinRuns = ({ outputs }: BatchPlan, runs: readonly Outputs[], count: number, samples: number): Record<string, Tensor> => {
  const all: Record<string, Tensor> = {}
  for (const name of Object.keys(runs[0] ?? {})) {
    // A description without a plan, of an older node: what keeps the samples' axis as 1 is joined along it.
    const plan = own(outputs, name) ?? (runs.every((run) => run[name]?.shape[0] === 1) ? { join: 'axis', axis: 0 } : { join: 'stack' })
    Object.assign(all, joinOutput(name, plan, runs.map((run) => run[name]!), count, samples)) // prettier-ignore
  }
  return all
}

/** The outputs of one run as the model gives them, with the counts of those whose rows depend on the data. */
export const withCounts = ({ size, outputs }: BatchPlan, run: Outputs): Record<string, Tensor> => {
  const all: Record<string, Tensor> = { ...run }
  for (const [name, tensor] of Object.entries(run)) {
    const varying = rowsAxis(own(outputs, name) ?? { join: 'ask' })
    if (size !== null && varying !== undefined)
      all[countsName(name)] = countsOf(Array.from({ length: size }, () => tensor.shape[varying] ?? 0))
  }
  return all
}
