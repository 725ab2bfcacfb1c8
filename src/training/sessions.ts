import type { InferenceSession, TypedTensor } from 'onnxruntime-node'
import { writeGraph } from '../graph/write.ts'
import { type Compiled, compile, type Variant } from './compile.ts'
import type { Prepared } from './prepare.ts'
import type { MakeTensor } from './slots.ts'

export type Onnx = typeof import('onnxruntime-node')

/** A graph that is ready to run, and the buffers of its Dropouts' masks. */
export interface Loaded {
  readonly compiled: Compiled
  readonly session: InferenceSession
  readonly masks: Readonly<Record<string, TypedTensor<'float32'>>>
}

/** Sessions that are kept: usually two batch sizes, the last of an epoch being shorter, of a few kinds of run. */
const KEPT = 8

/** onnxruntime would join what is computed again with what was computed before, and keep it. */
const COMPUTING_AGAIN = { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }

/** The sessions of a prepared model: one for each kind of run and size of batch, those longest unused closed. */
export class Sessions {
  readonly #onnx: Onnx
  readonly #prepared: Prepared
  readonly #threads: number
  readonly #make: MakeTensor
  readonly #open = new Map<string, Loaded>()

  constructor(onnx: Onnx, prepared: Prepared, threads: number, make: MakeTensor) {
    this.#onnx = onnx
    this.#prepared = prepared
    this.#threads = threads
    this.#make = make
  }

  async get(variant: Variant, sides: Readonly<Record<string, number>>): Promise<Loaded> {
    const key = `${variant} ${JSON.stringify(sides)}`
    const known = this.#open.get(key)
    const loaded = known ?? (await this.#load(variant, sides))
    this.#open.delete(key)
    this.#open.set(key, loaded)
    for (const [old, { session }] of this.#open) {
      if (this.#open.size <= KEPT) break
      this.#open.delete(old)
      await session.release()
    }
    return loaded
  }

  async #load(variant: Variant, sides: Readonly<Record<string, number>>): Promise<Loaded> {
    const compiled = compile(this.#prepared, variant, sides)
    const session = await this.#onnx.InferenceSession.create(writeGraph({ graph: compiled.graph }), {
      executionProviders: ['cpu'],
      // Pinned: these decide speed on a busy machine, and the optimization level decides the bits of the result.
      intraOpNumThreads: this.#threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // A thread that spins while it waits takes its core from the others that this machine runs, and then waits for them:
      // 2.6 times the time of a step of ResNet-18 on two busy cores.
      extra: { session: { intra_op: { allow_spinning: '0' } }, ...((compiled.activations?.again ?? 0) > 0 && COMPUTING_AGAIN) },
      // The arena never gives back what it took, and its blocks fit badly from run to run: a third of the process's memory.
      enableCpuMemArena: false,
      // Nor one block for a whole run, which malloc maps anew, and the system zeroes, in each: 230 MB a step of ResNet-18.
      enableMemPattern: false,
      logSeverityLevel: 4,
    })
    const masks = Object.fromEntries(
      compiled.masks.map(({ input, shape }) => [input, this.#make(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)]),
    )
    return { compiled, session, masks }
  }

  async close(): Promise<void> {
    for (const { session } of this.#open.values()) await session.release()
    this.#open.clear()
  }
}
