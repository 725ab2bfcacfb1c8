import type { DeepReadonly, MovableSelf, ReadonlySelf, Training } from '../../core/self.ts'
import { readGraph } from '../../graph/read.ts'
import { withInitializers } from '../../graph/replace.ts'
import { writeGraph } from '../../graph/write.ts'
import type { ModelHandle } from '../model/forward.ts'
import { readState } from './checkpoints.ts'
import { ready, type Trained, type TrainerSpec } from './spec.ts'
import { openTraining } from './training.ts'

type Able = Pick<MovableSelf, 'content' | 'compute' | 'signal'>

/**
 * How a training goes on. One that was put before trainers kept what they had decided is trained on by what its checkpoint
 * holds: what is decided today may be something else.
 */
export const settledSpec = (
  state: DeepReadonly<Pick<Trained, 'file' | 'spec' | 'decided' | 'checkpoint'>>,
  file: Uint8Array,
): TrainerSpec => {
  const { spec } = ready(state)
  if (spec.trainable !== undefined || state.checkpoint === null) return spec
  const { initializers, nodes } = readGraph(file).graph
  const statistics = new Set(nodes.flatMap(({ op, inputs }) => (op === 'BatchNormalization' ? inputs.slice(3) : [])))
  const names = state.checkpoint.tensors.map(({ name }) => name).filter((name) => initializers.has(name) && !statistics.has(name))
  return names.length === 0 ? spec : { ...spec, trainable: names }
}

/** A session with the weights of a checkpoint, or the first ones. @param part the part of the model that is trained, where that is not all */
export const opened = async (
  self: Able,
  state: DeepReadonly<Pick<Trained, 'file' | 'spec' | 'decided' | 'checkpoint'>>,
  part?: Uint8Array,
): Promise<Training> => {
  const { file } = ready(state)
  const whole = await self.content.read(file, self.signal)
  const spec = settledSpec(state, whole)
  const graph = part ?? whole
  const kept = state.checkpoint === null ? undefined : await readState(self.content, state.checkpoint, self.signal)
  return openTraining(self, graph, spec, { seed: spec.seed, state: kept })
}

/** The model with the weights of the last checkpoint, as an ONNX file. */
export const exported = async (self: Pick<ReadonlySelf<Trained>, 'state' | 'content' | 'signal'>): Promise<Uint8Array> => {
  const { state } = self
  const { file } = ready(state)
  const bytesOfFile = await self.content.read(file, self.signal)
  if (state.checkpoint === null) return bytesOfFile
  const kept = await readState(self.content, state.checkpoint, self.signal)
  return withInitializers(bytesOfFile, new Map([...kept].filter(([name]) => !name.startsWith('optimizer/'))))
}

/** One file of a model that may keep tensors beside it. */
export const oneFile = async (self: Pick<MovableSelf, 'content' | 'signal'>, given: Uint8Array | ModelHandle): Promise<Uint8Array> => {
  if (given instanceof Uint8Array) return given
  const file = await self.content.read(given.file, self.signal)
  if (given.external.length === 0) return file
  const external: Record<string, Uint8Array> = {}
  for (const { location, content } of given.external) external[location] = await self.content.read(content, self.signal)
  return writeGraph(readGraph(file, { external }))
}
