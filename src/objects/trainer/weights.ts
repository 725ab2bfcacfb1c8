import type { DeepReadonly, MovableSelf, ReadonlySelf, Training } from '../../core/self.ts'
import { readGraph } from '../../graph/read.ts'
import { withInitializers } from '../../graph/replace.ts'
import { writeGraph } from '../../graph/write.ts'
import type { ModelHandle } from '../model/forward.ts'
import { readState } from './checkpoints.ts'
import { ready, type Trained } from './spec.ts'
import { openTraining } from './training.ts'

type Able = Pick<MovableSelf, 'content' | 'compute' | 'signal'>

/** A session with the weights of a checkpoint, or the first ones. @param part the part of the model that is trained, where that is not all */
export const opened = async (
  self: Able,
  state: DeepReadonly<Pick<Trained, 'file' | 'spec' | 'checkpoint'>>,
  part?: Uint8Array,
): Promise<Training> => {
  const { file, spec } = ready(state)
  const graph = part ?? (await self.content.read(file, self.signal))
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
