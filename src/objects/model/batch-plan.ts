import { failure } from '../../core/errors.ts'
import type { ModelShape, TensorSpec } from '../../core/self.ts'

/** A side of a stated shape: its length, or its name where it is open; '' for an open side without a name. */
type Sides = readonly (number | string)[]

/** How an input takes the samples of a batch. */
export interface InputPlan {
  /** What the model states; null where it states no shape. */
  readonly shape: Sides | null
  /** The axis that counts samples; null for an input that is the same for all of them. */
  readonly axis: number | null
}

/** How outputs of several runs are joined: see docs/models.md. */
export const joins = ['axis', 'stack', 'rows', 'once', 'ask'] as const
export interface OutputPlan {
  /**
   * `axis`: along the axis that counts samples. `stack`: the model gives a sample no axis, so they are stacked along a
   * new first one. `rows`: a sample gives a number of rows that depends on its data; they follow one another, and
   * `NAME.counts` has their numbers. `once`: the same whatever the samples are. `ask`: the model does not tell.
   */
  readonly join: (typeof joins)[number]
  /** The axis of `join: axis`. */
  readonly axis?: number
  /** An axis whose length depends on the data of each sample: filled up with zeros, with the lengths in `NAME.counts`. */
  readonly rows?: number
}

/** How a model takes a batch. */
export interface BatchPlan {
  /** Samples that one run takes; null where it takes any number, which are then run whole. */
  readonly size: number | null
  readonly inputs: Readonly<Record<string, InputPlan>>
  readonly outputs: Readonly<Record<string, OutputPlan>>
  /** Whether a sample's results are sure not to depend on the others of its run, and can be taken out of it. */
  readonly independent: boolean
}

/** A plan, and what whoever puts the model should know of it. */
export interface Planned {
  readonly plan: BatchPlan
  readonly warnings: readonly string[]
}

/** What whoever puts a model says of its batches, where the graph does not tell or is to be taken otherwise. */
export type BatchOption =
  /** Every call is one run of the model on what it is given. */
  | 'whole'
  /** Each sample is a run of its own. */
  | 'one'
  | {
      /** The axis of each input that counts samples; null for one that is the same for all. Others are as found. */
      readonly inputs?: Readonly<Record<string, number | null>>
      /**
       * The axis of each output that counts samples, with that of its `rows` where their number depends on the data; null for
       * one that is the same for all; or `stack`, `rows`.
       */
      readonly outputs?: Readonly<Record<string, number | null | 'stack' | 'rows' | { readonly axis: number; readonly rows: number }>>
      /** Vouches that no sample's results depend on others, so that a run may be filled up. */
      readonly independent?: boolean
    }

const isOpen = (side: number | string | undefined): boolean => typeof side === 'string'

/** Names of the open sides that inputs state: an output's side of such a name has the same length for all samples. */
const namesOf = (specs: readonly TensorSpec[]): ReadonlySet<string> =>
  new Set(specs.flatMap(({ shape }) => shape.filter((side) => typeof side === 'string' && side !== '')).map(String))

/** Samples a run takes, as the first sides of the inputs state it. Where one is open, any number. */
const statedSize = ({ inputs, outputs }: ModelShape): number | null => {
  const firsts = inputs.flatMap(({ shape }) => shape.slice(0, 1))
  if (firsts.length === 0 || firsts.some(isOpen)) return null
  const given = new Set(outputs.flatMap(({ shape }) => shape.slice(0, 1)))
  const size = firsts.find((side) => given.has(side)) ?? firsts[0]
  return typeof size === 'number' && size > 0 ? size : null
}

/** How an output is joined, by its shape for one run alone. @param names open sides that are the same for all samples */
export const joinOf = (shape: Sides | undefined, size: number, names: ReadonlySet<string>): OutputPlan => {
  if (shape === undefined) return { join: 'ask' }
  const [first] = shape
  const varying = (from: number) => shape.findIndex((side, at) => at >= from && typeof side === 'string' && side !== '' && !names.has(side))
  if (first === size) return { join: 'axis', axis: 0, ...(varying(1) > 0 && { rows: varying(1) }) }
  if (first === '' || (size > 1 && first !== undefined)) return { join: 'ask' }
  if (typeof first === 'string' && !names.has(first)) return { join: 'rows' }
  // Another side of 1 may be the one that counts samples.
  if (shape.includes(size)) return { join: 'ask' }
  return { join: 'stack', ...(varying(0) >= 0 && { rows: varying(0) }) }
}

/** The plan that follows from what a model states of its shapes. */
export const statedPlan = (shape: ModelShape): BatchPlan => {
  const size = statedSize(shape)
  const names = namesOf(shape.inputs)
  const lead = shape.inputs.map((spec) => spec.shape[0]).find(isOpen)
  const axisOf = (sides: Sides): number | null => {
    const at = size === null ? sides.findIndex((side) => side === lead) : sides[0] === size ? 0 : -1
    return at < 0 ? null : at
  }
  return {
    size,
    inputs: Object.fromEntries(
      shape.inputs.map(({ name, shape: sides, unranked }) => [name, { shape: unranked === true ? null : sides, axis: axisOf(sides) }]),
    ),
    outputs:
      size === null
        ? {}
        : Object.fromEntries(
            shape.outputs.map((spec) => [spec.name, joinOf(spec.unranked === true ? undefined : spec.shape, size, names)]),
          ),
    independent: size === 1,
  }
}

const known = (what: string, names: readonly string[], given: Readonly<Record<string, unknown>> = {}): void => {
  const odd = Object.keys(given).find((name) => !names.includes(name))
  if (odd !== undefined)
    throw failure('invalid-argument', `batch.${what}s names "${odd}", but the model's ${what}s are ${names.join(', ')}`)
}

const checkAxis = (what: string, { name, shape, unranked }: TensorSpec, axis: unknown): void => {
  if (typeof axis !== 'number' || (unranked !== true && axis < shape.length)) return
  throw failure('invalid-argument', `batch.${what}s.${name} is axis ${axis}, but ${what} "${name}" is [${shape.join(', ')}]`)
}

/**
 * A plan with what its user says of it.
 * @throws ActiveStorageError `invalid-argument` naming the input or output that the model does not have
 */
export const withOption = (plan: BatchPlan, shape: ModelShape, option: BatchOption | undefined): BatchPlan => {
  if (option === undefined) return plan
  if (option === 'whole') return { ...plan, size: null, independent: false }
  const given = option === 'one' ? {} : option
  known('input', shape.inputs.map(({ name }) => name), given.inputs) // prettier-ignore
  known('output', shape.outputs.map(({ name }) => name), given.outputs) // prettier-ignore
  for (const spec of shape.inputs) checkAxis('input', spec, given.inputs?.[spec.name])
  for (const spec of shape.outputs) {
    const said = given.outputs?.[spec.name]
    for (const axis of typeof said === 'object' && said !== null ? [said.axis, said.rows] : [said]) checkAxis('output', spec, axis)
  }
  const inputs = Object.fromEntries(
    Object.entries(plan.inputs).map(([name, input]) => {
      const axis = given.inputs?.[name]
      return [name, axis === undefined ? input : { ...input, axis }]
    }),
  )
  const sides = Object.entries(given.inputs ?? {}).flatMap(([name, axis]) =>
    axis === null ? [] : (plan.inputs[name]?.shape?.[axis] ?? []),
  )
  const fixed = sides.find((side) => typeof side === 'number')
  const size = option === 'one' ? 1 : typeof fixed === 'number' ? fixed : sides.length > 0 ? null : plan.size
  const names = namesOf(shape.inputs)
  const open = new Set(
    Object.values(inputs)
      .flatMap(({ shape: own, axis }) => (axis === null ? [] : (own?.[axis] ?? [])))
      .filter((side) => typeof side === 'string' && side !== ''),
  )
  const outputs = Object.fromEntries(
    shape.outputs.map((spec): [string, OutputPlan] => {
      const said = given.outputs?.[spec.name]
      if (typeof said === 'number') return [spec.name, { ...plan.outputs[spec.name], join: 'axis', axis: said }]
      if (said === null) return [spec.name, { join: 'once' }]
      if (typeof said === 'object') return [spec.name, { join: 'axis', ...said }]
      if (said !== undefined) return [spec.name, { join: said }]
      const axis = spec.shape.findIndex((side) => open.has(side))
      if (axis >= 0) return [spec.name, { join: 'axis', axis }]
      return [spec.name, plan.outputs[spec.name] ?? joinOf(spec.unranked === true ? undefined : spec.shape, size ?? 1, names)]
    }),
  )
  return { size, inputs, outputs, independent: size === 1 || (given.independent ?? plan.independent) }
}
