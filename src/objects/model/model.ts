import { createHash } from 'node:crypto'
import { ContentRef } from '../../core/content.ts'
import { defineObject } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import { bytes, contentRef, list, object, optional, record, type Schema, string } from '../../core/schema.ts'
import type { ModelShape, TensorRef, TensorSpec } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import { type BatchMode, type Forward, forward, type ModelHandle } from './forward.ts'
import { batchOf, inspectOnnx } from './onnx-file.ts'
import { batchMode, feeds, forwardResult, modelDescription, modelHandle, tensorSpecs } from './schemas.ts'

/** What a model is: its files, its inputs and outputs, and how it takes a batch. */
export interface ModelDescription extends ModelHandle {
  readonly bytes: number
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}
interface StoredFile {
  readonly location: string
  readonly content: ContentRef
}
interface State {
  /** The ONNX file first, under location "", then its external data. */
  files: readonly StoredFile[]
  inputs: readonly TensorSpec[]
  outputs: readonly TensorSpec[]
  mode: BatchMode
}
const stateSchema: Schema<State> = object({
  files: list(object({ location: string(), content: contentRef() })),
  inputs: tensorSpecs,
  outputs: tensorSpecs,
  mode: batchMode,
})

const modeOf = ({ inputs, outputs }: ModelShape): BatchMode => {
  const batch = batchOf([...inputs, ...outputs])
  if (batch === 'dynamic') return 'batch'
  // A graph fixed at N > 1 runs batches of exactly N; the sessions's own check refuses others.
  return batch.fixed === 1 ? 'loop' : 'batch'
}

const describe = (state: State, site: string): ModelDescription => {
  const [main, ...external] = state.files
  if (main === undefined) throw failure('not-found', 'the model has no file yet: put one')
  // At home where the model is now, which need not be where it was put.
  const at = ({ content }: StoredFile) => new ContentRef(content.hash, content.bytes, site)
  const hash =
    external.length === 0
      ? main.content.hash
      : createHash('sha256')
          .update(state.files.map((file) => `${file.location}\0${file.content.hash}\n`).join(''))
          .digest('hex')
  return {
    hash,
    file: at(main),
    external: external.map((file) => ({ location: file.location, content: at(file) })),
    bytes: state.files.reduce((sum, file) => sum + file.content.bytes, 0),
    inputs: state.inputs,
    outputs: state.outputs,
    mode: state.mode,
  }
}

/** An ONNX model. */
export const model = defineObject({
  name: 'model',
  state: (): State => ({ files: [], inputs: [], outputs: [], mode: 'batch' }),
  schema: stateSchema,
  methods: {
    /**
     * Sets the model. It is read, and loaded once by onnxruntime, before anything is changed.
     * @param file the ONNX file's bytes
     * @param external bytes of each external data file, by the location that the ONNX file gives it
     * @throws `bad-model`
     */
    async put(self, file: Uint8Array, external: Readonly<Record<string, Uint8Array>> = {}): Promise<ModelDescription> {
      const needed = inspectOnnx(file).external.map(({ location }) => location)
      const lacking = needed.filter((location) => !Object.hasOwn(external, location))
      if (lacking.length > 0)
        throw failure(
          'bad-model',
          `the model keeps tensors in ${lacking.join(', ')}, which did not come with it: put the model from its folder, or export it as one file`,
        )
      const files: StoredFile[] = []
      for (const [location, bytes] of [['', file] as const, ...[...new Set(needed)].map((name) => [name, external[name]!] as const)]) {
        files.push({ location, content: await self.content.put(bytes) })
      }
      const candidate: State = { files, inputs: [], outputs: [], mode: 'batch' }
      const shape = await self.compute.inspect(describe(candidate, self.site), self.signal)
      self.state = { files, ...shape, mode: modeOf(shape) }
      return describe(self.state, self.site)
    },
  },
  readonly: {
    /** Its files, inputs, outputs and how it takes a batch. */
    describe: (self): ModelDescription => describe(self.state as State, self.site),
  },
  movable: {
    /** Runs a model that `describe` gave on named inputs. @throws `tensor-mismatch`, `missing-inputs` */
    forward: (self, source: ModelHandle, feeds: Readonly<Record<string, Tensor | TensorRef>>): Promise<Forward> =>
      forward(self, source, feeds),
  },
  arguments: { put: [bytes(), optional(record(bytes()))], describe: [], forward: [modelHandle, feeds] },
  results: { put: modelDescription, describe: modelDescription, forward: forwardResult },
})
