import type { MovableSelf, Training } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { Value } from '../../core/value.ts'
import type { TrainOptions } from '../../training/compile.ts'

/** As a program of another process takes them. */
export const plainOptions = (options: TrainOptions): Value =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- plain data
  options as unknown as Value

/**
 * Memory that a model takes in training, as far as its file tells: weights, gradients, and what the optimizer keeps, each as
 * large as the file. Activations come on top.
 * @param file bytes of the model
 */
export const trainingBytes = (file: number): number => 4 * file

/**
 * A model in a thread that trains it.
 * @param graph an ONNX file, with all tensors inside
 * @param from.seed of random masks; default 0
 * @param from.state of a checkpoint; default the model's own weights
 */
export const openTraining = (
  { compute, signal }: Pick<MovableSelf, 'compute' | 'signal'>,
  graph: Uint8Array,
  options: TrainOptions,
  { seed = 0, state }: { readonly seed?: number | undefined; readonly state?: ReadonlyMap<string, Tensor> | undefined },
): Promise<Training> => compute.train({ graph, options: plainOptions(options), seed, ...(state !== undefined && { state }) }, signal)
