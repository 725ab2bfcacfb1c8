import type { Tensor as OnnxTensor } from 'onnxruntime-node'
import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { Variant } from './compile.ts'
import { type Feeds, fed } from './feeds.ts'
import { fillMask } from './modes.ts'
import { CORRECTION_1, CORRECTION_2, gradientOf, isSlot, LEARNING_RATE, SCALE, shareOf, told as telling } from './names.ts' // prettier-ignore
import type { Scalars } from './optimizer.ts'
import { type Prepared, sidesOf } from './prepare.ts'
import { checkNumbers, copied, type Outputs, type Told, toldOf } from './results.ts'
import { type Loaded, type Onnx, Sessions } from './sessions.ts'
import { type MakeTensor, Slot } from './slots.ts'
import { clipScale } from './updates.ts'

export type { Feeds } from './feeds.ts'
export type { Told } from './results.ts'

export interface RunnerOptions {
  /** Threads of onnxruntime. Default 1. */
  readonly threads?: number
  /** From which masks of Dropouts are drawn. Default 0. */
  readonly seed?: number
}

/** What one run takes beside the state. */
interface Run {
  readonly feeds?: Feeds
  readonly scalars?: Readonly<Record<string, number>>
  /** Where gradients are written, or sums of them kept. */
  readonly gradients?: Map<string, Slot>
  readonly outputs?: readonly string[]
  /** What an earlier run has kept for this one. */
  readonly kept?: Readonly<Record<string, OnnxTensor>>
}
/** A forward run that waits for its way back. */
interface Pending {
  readonly feeds: Feeds
  readonly draw: number
  readonly kept: Readonly<Record<string, OnnxTensor>>
  readonly keep: () => void
}

/**
 * Trains a prepared model in this thread: the state lies in buffers that runs write in place. `session.run` blocks the
 * thread. One thing is done at a time: a call begins when the one before has come to its end.
 */
export class Runner {
  readonly #onnx: Onnx
  readonly #prepared: Prepared
  readonly #seed: number
  readonly #sessions: Sessions
  readonly #state: ReadonlyMap<string, Slot>
  readonly #gradients = new Map<string, Slot>()
  readonly #sums = new Map<string, Slot>()
  #pending: Pending | undefined

  constructor(onnx: Onnx, prepared: Prepared, { threads = 1, seed = 0 }: RunnerOptions = {}) {
    this.#onnx = onnx
    this.#seed = seed
    this.#state = new Map([...prepared.initial].map(([name, { shape, data }]) => [name, new Slot(this.#make, shape, data)]))
    // From now on the weights are here alone.
    this.#prepared = { ...prepared, initial: new Map([...prepared.initial].map(([name, { shape }]) => [name, { shape }])) }
    this.#sessions = new Sessions(onnx, this.#prepared, threads, this.#make)
  }

  readonly #make: MakeTensor = (data, shape) => new this.#onnx.Tensor('float32', data, shape)

  /** The buffer for a parameter's gradient among these. */
  #slot(slots: Map<string, Slot>, name: string): Slot {
    const known = slots.get(name)
    if (known !== undefined) return known
    const made = new Slot(this.#make, this.#prepared.initial.get(name)?.shape ?? [])
    slots.set(name, made)
    return made
  }

  #loaded(variant: Variant, feeds: Feeds): Promise<Loaded> {
    return this.#sessions.get(variant, sidesOf(this.#prepared, feeds))
  }

  async #run({ compiled, session, masks }: Loaded, { feeds = {}, scalars = {}, gradients = new Map(), outputs = [], kept = {} }: Run) {
    const given: Record<string, OnnxTensor> = { ...masks, ...kept }
    const fetches: Record<string, OnnxTensor | null> = {}
    const written: Slot[] = []
    for (const [name, type] of compiled.feeds) {
      const { dtype, data, shape } = fed(feeds, name, type, compiled.classes.get(name))
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a Tensor holds the array of its dtype
      given[name] = new this.#onnx.Tensor(dtype as 'float32', data as Float32Array, shape)
    }
    for (const name of compiled.scalars) given[name] = this.#make(new Float32Array([scalars[name] ?? 0]), [])
    for (const [name, { next, inPlace = false }] of compiled.state) {
      const slot = this.#state.get(name)
      if (slot === undefined) throw failure('internal', `there is no state "${name}"`)
      given[name] = slot.current
      if (next === undefined) continue
      fetches[next] = inPlace ? slot.current : slot.spare
      if (!inPlace) written.push(slot)
    }
    for (const [name, { input, next }] of compiled.gradients) {
      const slot = this.#slot(gradients, name)
      if (input !== undefined) given[input] = slot.current
      if (next === undefined) continue
      fetches[next] = input === undefined ? slot.current : slot.spare
      if (input !== undefined) written.push(slot)
    }
    for (const name of [...telling, ...outputs]) if (compiled.graph.outputs.has(name)) fetches[name] ??= null
    const results = await session.run(given, fetches)
    return { results, told: toldOf(results), keep: () => written.forEach((slot) => slot.swap()) }
  }

  /**
   * One step of the optimizer on a batch.
   * @param step from 1; it decides the masks of Dropouts
   * @throws `tensor-mismatch`, `invalid-argument`; `training-diverged` for a loss or gradients that are no numbers: the
   * state is then as it was
   */
  async step(feeds: Feeds, scalars: Scalars, step: number): Promise<Told> {
    const loaded = await this.#loaded('gradients', feeds)
    this.#draw(loaded, step)
    const { told, keep } = await this.#run(loaded, { feeds, gradients: this.#gradients })
    checkNumbers(told, step)
    keep()
    await this.#apply(scalars, this.#gradients, told.norm ?? 0)
    return told
  }

  #draw({ compiled, masks }: Loaded, step: number): void {
    for (const mask of compiled.masks) {
      const into = masks[mask.input]
      if (into !== undefined) fillMask(into.data, mask, this.#seed, step)
    }
  }

  async #apply({ learningRate, correction1, correction2 }: Scalars, gradients: Map<string, Slot>, norm: number): Promise<void> {
    const { clipNorm } = this.#prepared.options
    const scalars = {
      [LEARNING_RATE]: learningRate,
      [CORRECTION_1]: correction1,
      [CORRECTION_2]: correction2,
      [SCALE]: clipNorm === undefined ? 1 : clipScale(norm, clipNorm),
    }
    const { keep } = await this.#run(await this.#sessions.get('apply', {}), { scalars, gradients })
    keep()
  }

  /**
   * Adds a batch's gradients, by its share of what the next `apply` steps by. Running statistics move on.
   * @param share of each loss, in their order; or one for all (`sharesOf`)
   * @returns with gradients by the inputs that `inputGradients` names, as `gradient/NAME`
   * @throws as `step` does: what was gathered before is then as it was
   */
  async gather(feeds: Feeds, share: number | readonly number[], draw: number): Promise<Told & { readonly inputs: Outputs }> {
    const loaded = await this.#loaded('sums', feeds)
    this.#draw(loaded, draw)
    const inputs = (this.#prepared.options.inputGradients ?? []).map(gradientOf)
    const { told, keep, results } = await this.#run(loaded, { feeds, scalars: this.#shares(share), gradients: this.#sums, outputs: inputs })
    checkNumbers(told, draw)
    keep()
    return { ...told, inputs: copied(results, inputs) }
  }
  /** The model's outputs on a batch in training. What its gradients take is kept until `backward`, or until the next. */
  async forward(feeds: Feeds, draw: number): Promise<Outputs> {
    const loaded = await this.#loaded('forward', feeds)
    this.#draw(loaded, draw)
    const { kept = [], graph } = loaded.compiled
    const { results, keep } = await this.#run(loaded, { feeds, outputs: [...graph.outputs.keys()] })
    this.#pending = {
      feeds,
      draw,
      keep,
      kept: Object.fromEntries(kept.flatMap((name) => (results[name] === undefined ? [] : [[name, results[name]]]))),
    }
    return copied(results, [...this.#prepared.graph.outputs.keys()])
  }
  /**
   * Adds the gradients of the last `forward`, as `gather` does, by those of its outputs: the targets of `given` losses.
   * @throws `invalid-argument` where there was none
   */
  async backward(gradients: Feeds): Promise<Told> {
    const pending = this.#pending
    if (pending === undefined) throw failure('invalid-argument', 'there was no forward run that waits for gradients')
    const { feeds, draw, kept, keep: moveOn } = pending
    const loaded = await this.#loaded('backward', feeds)
    this.#draw(loaded, draw)
    const { told, keep } = await this.#run(loaded, {
      feeds: { ...feeds, ...gradients },
      kept,
      scalars: this.#shares(1),
      gradients: this.#sums,
    })
    checkNumbers(told, draw)
    this.#pending = undefined
    keep()
    moveOn()
    return told
  }
  #shares(share: number | readonly number[]): Readonly<Record<string, number>> {
    return Object.fromEntries(
      this.#prepared.losses.map((_, place) => [shareOf(place), typeof share === 'number' ? share : (share[place] ?? 0)]),
    )
  }
  /**
   * One step of the optimizer by the gradients that were gathered, which are zero from then on.
   * @param beyond the norm of gradients that are elsewhere, with which these are clipped together. Default 0
   * @throws `training-diverged`
   */
  async apply(scalars: Scalars, beyond = 0): Promise<Told> {
    const { told } = await this.#run(await this.#sessions.get('norm', {}), { gradients: this.#sums })
    checkNumbers(told)
    await this.#apply(scalars, this.#sums, beyond === 0 ? (told.norm ?? 0) : Math.hypot(told.norm ?? 0, beyond))
    this.clear()
    return told
  }
  /** Forgets the gradients that were gathered. */
  clear(): void {
    for (const { data } of this.#sums.values()) data.fill(0)
  }
  /** What was gathered so far, and may be changed in place: to average it with that of other nodes. */
  gathered(): ReadonlyMap<string, Float32Array> {
    return new Map(this.#prepared.trainable.map((name) => [name, this.#slot(this.#sums, name).data]))
  }

  /** Running means and variances, as the batches so far have moved them; they may be changed in place, as what was gathered. */
  statistics(): ReadonlyMap<string, Float32Array> {
    const { trainable } = this.#prepared
    return new Map(
      [...this.#state].flatMap(([name, { data }]) => (isSlot(name) || trainable.includes(name) ? [] : [[name, data] as const])),
    )
  }

  /** The model as it is in use, on a batch: its loss, and outputs where they are named. */
  async evaluate(feeds: Feeds, outputs: readonly string[] = []): Promise<Told & { readonly outputs: Outputs }> {
    const { told, results } = await this.#run(await this.#loaded('evaluate', feeds), { feeds, outputs: this.#known(outputs) })
    return { ...told, outputs: copied(results, outputs) }
  }
  /** Outputs of the model as it is in use, on a batch without targets. Default: all. */
  async predict(feeds: Feeds, outputs: readonly string[] = [...this.#prepared.graph.outputs.keys()]): Promise<Outputs> {
    const { results } = await this.#run(await this.#loaded('predict', feeds), { feeds, outputs: this.#known(outputs) })
    return copied(results, outputs)
  }
  #known(outputs: readonly string[]): readonly string[] {
    const all = this.#prepared.graph.outputs
    const other = outputs.find((name) => !all.has(name))
    if (other === undefined) return outputs
    throw failure('invalid-argument', `the model has no output "${other}"; it has ${[...all.keys()].join(', ')}`)
  }

  /** All that training has changed, by name. It may be read until the next step. */
  state(): ReadonlyMap<string, Tensor<'float32'>> {
    return new Map([...this.#state].map(([name, slot]) => [name, slot.tensor]))
  }
  /** Takes over state as `state` gave it, copying. @throws `tensor-mismatch` for another model's */
  restore(state: ReadonlyMap<string, Tensor>): void {
    const taken = [...this.#state].map(([name, slot]) => {
      const { dims } = slot.current
      // Checkpoints from before a BatchNormalization without parameters was trained have no statistics of it: the first ones count.
      const tensor = state.get(name) ?? (this.#isStatistic(name) ? slot.tensor : undefined)
      if (!(tensor?.data instanceof Float32Array) || tensor.shape.join() !== dims.join())
        throw failure('tensor-mismatch', `the state is of another model: it has no "${name}" of float32 [${dims.join(', ')}]`)
      return [slot, tensor.data] as const
    })
    for (const [slot, data] of taken) slot.data.set(data)
  }

  #isStatistic(name: string): boolean {
    return this.#prepared.modes.plain.has(name)
  }

  close(): Promise<void> {
    return this.#sessions.close()
  }
}
