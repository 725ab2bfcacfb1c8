import type { InferenceSession, Tensor as OnnxTensor, TypedTensor } from 'onnxruntime-node'
import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import { writeGraph } from '../graph/write.ts'
import { type Compiled, compile, CORRECT, COUNTED, LOSS, NORM, type Prepared, SHARE, sidesOf, type Variant } from './compile.ts'
import { fillMask } from './modes.ts'
import { type Scalars } from './optimizer.ts'

type Onnx = typeof import('onnxruntime-node')

/** What a batch brings, by the names of the model's inputs and the losses' targets. */
export type Feeds = Readonly<Record<string, Tensor>>

/** Numbers that a run tells. */
export interface Told {
  readonly loss: number
  /** Elements whose class was the most likely one, and elements that counted: where the first loss is cross entropy. */
  readonly correct?: number
  readonly counted?: number
  /** The norm of all gradients before clipping, where they are clipped. */
  readonly norm?: number
}

export interface RunnerOptions {
  /** Threads of onnxruntime. Default 1. */
  readonly threads?: number
  /** From which masks of Dropouts are drawn. Default 0. */
  readonly seed?: number
}

interface Loaded {
  readonly compiled: Compiled
  readonly session: InferenceSession
  readonly masks: Readonly<Record<string, TypedTensor<'float32'>>>
}

/** A float32 tensor that is read by one step while its next value is written beside it. */
interface Slot {
  current: TypedTensor<'float32'>
  spare: TypedTensor<'float32'> | undefined
}

/** Different lengths of batches for which sessions are kept: usually two, the last of an epoch being shorter. */
const KEPT = 8

/**
 * Trains a prepared model in this thread: a session for each kind of run and batch size, and the state in buffers that
 * runs write in place. `session.run` blocks the thread.
 */
export class Runner {
  readonly #onnx: Onnx
  readonly #prepared: Prepared
  readonly #threads: number
  readonly #seed: number
  readonly #sessions = new Map<string, Loaded>()
  readonly #state = new Map<string, Slot>()
  readonly #sums = new Map<string, Slot>()

  constructor(onnx: Onnx, prepared: Prepared, { threads = 1, seed = 0 }: RunnerOptions = {}) {
    this.#onnx = onnx
    this.#prepared = prepared
    this.#threads = threads
    this.#seed = seed
    for (const [name, { shape, data }] of prepared.initial) this.#state.set(name, this.#slot(shape, data))
  }

  #slot(shape: readonly number[], data?: Float32Array): Slot {
    const own = new Float32Array(shape.reduce((product, side) => product * side, 1))
    if (data !== undefined) own.set(data)
    return { current: new this.#onnx.Tensor('float32', own, shape), spare: undefined }
  }
  #spare(slot: Slot): TypedTensor<'float32'> {
    return (slot.spare ??= new this.#onnx.Tensor('float32', new Float32Array(slot.current.size), slot.current.dims))
  }
  #swap(slot: Slot): void {
    const { current } = slot
    slot.current = this.#spare(slot)
    slot.spare = current
  }

  async #loaded(variant: Variant, feeds: Feeds): Promise<Loaded> {
    const sides = variant === 'apply' ? {} : sidesOf(this.#prepared, feeds)
    const key = `${variant} ${JSON.stringify(sides)}`
    const known = this.#sessions.get(key)
    if (known !== undefined) {
      this.#sessions.delete(key)
      this.#sessions.set(key, known)
      return known
    }
    const compiled = compile(this.#prepared, variant, sides)
    const session = await this.#onnx.InferenceSession.create(writeGraph({ graph: compiled.graph }), {
      executionProviders: ['cpu'],
      // Pinned: these decide speed on a busy machine, and the optimization level decides the bits of the result.
      intraOpNumThreads: this.#threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    })
    const masks = Object.fromEntries(
      compiled.masks.map(({ input, shape }) => [
        input,
        new this.#onnx.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape),
      ]),
    )
    const loaded = { compiled, session, masks }
    this.#sessions.set(key, loaded)
    for (const [old, { session: longUnused }] of this.#sessions) {
      if (this.#sessions.size <= KEPT) break
      this.#sessions.delete(old)
      await longUnused.release()
    }
    return loaded
  }

  async #run(
    { compiled, session, masks }: Loaded,
    feeds: Feeds,
    numbers: Readonly<Record<string, number>>,
    outputs: readonly string[] = [],
  ) {
    const given: Record<string, OnnxTensor> = { ...masks }
    for (const [name, type] of compiled.feeds) given[name] = this.#feed(name, type.shape, type.dtype, feeds, compiled)
    for (const name of compiled.scalars)
      given[name] = new this.#onnx.Tensor('float32', new Float32Array([numbers[name.replace('training/', '')] ?? 0]), [])
    const fetches: Record<string, OnnxTensor | null> = {}
    const written: Slot[] = []
    const bindSlot = (slot: Slot, next: string | undefined) => {
      if (next === undefined) return
      fetches[next] = this.#spare(slot)
      written.push(slot)
    }
    for (const [name, { next }] of compiled.state) {
      const slot = this.#state.get(name)
      if (slot === undefined) throw failure('internal', `there is no state "${name}"`)
      given[name] = slot.current
      bindSlot(slot, next)
    }
    for (const [name, { input, next }] of compiled.sums) {
      const slot = this.#sums.get(name) ?? this.#slot(this.#prepared.initial.get(name)?.shape ?? [])
      this.#sums.set(name, slot)
      given[input] = slot.current
      bindSlot(slot, next)
    }
    for (const name of [LOSS, CORRECT, COUNTED, NORM, ...outputs]) if (compiled.graph.outputs.has(name)) fetches[name] = null
    const results = await session.run(given, fetches)
    const numberAt = (name: string): number | undefined => (results[name] === undefined ? undefined : Number(results[name].data[0]))
    const [loss, correct, counted, norm] = [numberAt(LOSS), numberAt(CORRECT), numberAt(COUNTED), numberAt(NORM)]
    const told: Told = {
      loss: loss ?? 0,
      ...(correct !== undefined && { correct }),
      ...(counted !== undefined && { counted }),
      ...(norm !== undefined && { norm }),
    }
    return { results, told, keep: () => written.forEach((slot) => this.#swap(slot)) }
  }

  #feed(name: string, shape: readonly (number | string)[], dtype: string, feeds: Feeds, { classes }: Compiled): OnnxTensor {
    const tensor = Object.hasOwn(feeds, name) ? feeds[name] : undefined
    if (tensor === undefined) throw failure('tensor-mismatch', `the batch has no "${name}"; it has ${Object.keys(feeds).join(', ')}`)
    if (tensor.dtype !== dtype || tensor.shape.length !== shape.length || shape.some((side, axis) => side !== tensor.shape[axis]))
      throw failure(
        'tensor-mismatch',
        `"${name}" is ${tensor.dtype} [${tensor.shape.join(', ')}] in the batch; it has to be ${dtype} [${shape.join(', ')}]`,
      )
    const bounds = classes.get(name)
    if (bounds !== undefined && tensor.data instanceof BigInt64Array) checkLabels(name, tensor.data, bounds)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a Tensor holds the array of its dtype
    return new this.#onnx.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape)
  }

  /**
   * One step of the optimizer on a batch.
   * @param step from 1; it decides the masks of Dropouts
   * @throws `tensor-mismatch`, `invalid-argument`; `training-diverged` for a loss that is no number: the state is then as it was
   */
  async step(feeds: Feeds, scalars: Scalars, step: number): Promise<Told> {
    const loaded = await this.#loaded('step', feeds)
    this.#draw(loaded, step)
    const { told, keep } = await this.#run(loaded, feeds, { ...scalars })
    checkLoss(told, step)
    keep()
    return told
  }

  #draw({ compiled, masks }: Loaded, step: number): void {
    for (const mask of compiled.masks) {
      const into = masks[mask.input]
      if (into !== undefined) fillMask(into.data, mask, this.#seed, step)
    }
  }

  /** Adds a batch's gradients, by its share of what the next `apply` steps by. Running statistics move on. */
  async gather(feeds: Feeds, share: number, draw: number): Promise<Told> {
    const loaded = await this.#loaded('gradients', feeds)
    this.#draw(loaded, draw)
    const { told, keep } = await this.#run(loaded, feeds, { [SHARE.replace('training/', '')]: share })
    checkLoss(told, draw)
    keep()
    return told
  }
  /** One step of the optimizer by the gradients that were gathered, which are zero from then on. */
  async apply(scalars: Scalars): Promise<Told> {
    const { told, keep } = await this.#run(await this.#loaded('apply', {}), {}, { ...scalars })
    keep()
    this.clear()
    return told
  }
  /** Forgets the gradients that were gathered. */
  clear(): void {
    for (const { current } of this.#sums.values()) current.data.fill(0)
  }
  /** What was gathered so far, and may be changed in place: to average it with that of other nodes. */
  gathered(): ReadonlyMap<string, Float32Array> {
    return new Map([...this.#sums].map(([name, { current }]) => [name, current.data]))
  }

  /** The model as it is in use, on a batch: its loss, and outputs where they are named. */
  async evaluate(feeds: Feeds, outputs: readonly string[] = []): Promise<Told & { readonly outputs: Readonly<Record<string, Tensor>> }> {
    const { told, results } = await this.#run(await this.#loaded('evaluate', feeds), feeds, {}, outputs)
    const shown = Object.fromEntries(
      outputs.flatMap((name) => {
        const tensor = results[name]
        return tensor === undefined
          ? []
          : [[name, new Tensor('float32', Float32Array.from(tensor.data as Float32Array), tensor.dims)] as const]
      }),
    )
    return { ...told, outputs: shown }
  }

  /** All that training has changed, by name. It may be read until the next step. */
  state(): ReadonlyMap<string, Tensor<'float32'>> {
    return new Map([...this.#state].map(([name, { current }]) => [name, floats(current)]))
  }
  /** Takes over state as `state` gave it, copying. @throws `tensor-mismatch` for another model's */
  restore(state: ReadonlyMap<string, Tensor>): void {
    for (const [name, { current }] of this.#state) {
      const tensor = state.get(name)
      if (!(tensor?.data instanceof Float32Array) || tensor.shape.join() !== current.dims.join())
        throw failure('tensor-mismatch', `the state is of another model: it has no "${name}" of float32 [${current.dims.join(', ')}]`)
    }
    for (const [name, { current }] of this.#state) current.data.set(state.get(name)?.data as Float32Array)
  }

  async close(): Promise<void> {
    for (const { session } of this.#sessions.values()) await session.release()
    this.#sessions.clear()
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- these buffers were made here, none of them shared
const floats = ({ data, dims }: TypedTensor<'float32'>) => new Tensor('float32', data as Float32Array<ArrayBuffer>, dims)

const checkLabels = (
  name: string,
  labels: BigInt64Array,
  { classes, ignore }: { readonly classes: number; readonly ignore: number },
): void => {
  for (const [index, label] of labels.entries()) {
    if ((label >= 0n && label < BigInt(classes)) || label === BigInt(ignore)) continue
    throw failure(
      'invalid-argument',
      `"${name}" names class ${label} at ${index}; the model has classes 0 to ${classes - 1}, and ${ignore} stands for none`,
    )
  }
}

const checkLoss = ({ loss, norm = 0 }: Told, step: number): void => {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return
  throw failure(
    'training-diverged',
    `the loss of step ${step} is ${loss}: lower the learning rate, clip the gradients (clipNorm), or look for bad samples; the state is as it was before`,
  )
}
