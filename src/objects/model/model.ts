import { ContentRef } from '../../core/content.ts'
import { defineObject } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import { bytes, contentRef, list, object, optional, record, type Schema, string } from '../../core/schema.ts'
import type { TensorRef, TensorSpec } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import { type BatchOption, type BatchPlan, statedPlan, withOption } from './batch-plan.ts'
import { type BatchMode, type Forward, forward, type ModelHandle } from './forward.ts'
import { planOf } from './graph-plan.ts'
import { inspectOnnx } from './onnx-file.ts'
import { readable } from './readable.ts'
import { hashOfModel } from './identity.ts'
import { batchMode, batchPlan, feeds, forwardResult, modelDescription, modelHandle, putOptions, tensorSpecs } from './schemas.ts'
import { checkOpsets, statedTypes, withRanks } from './stated.ts'
import { withoutZipMap } from './zipmap.ts'

/** What a model is: its files, its inputs and outputs, and how it takes a batch. */
export interface ModelDescription extends ModelHandle {
  readonly bytes: number
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** What whoever uses the model should know: results that depend on the batch, what was changed in the file. */
  readonly warnings?: readonly string[]
}
export interface PutOptions {
  /** How the model takes a batch, where that does not follow from its graph or is to be otherwise: see docs/models.md. */
  readonly batch?: BatchOption
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
  /** Objects of older builds have none. */
  batch?: BatchPlan
  warnings?: readonly string[]
}
const stateSchema: Schema<State> = object({
  files: list(object({ location: string(), content: contentRef() })),
  inputs: tensorSpecs,
  outputs: tensorSpecs,
  mode: batchMode,
  batch: optional(batchPlan),
  warnings: optional(list(string())),
})

const modeOf = ({ size }: BatchPlan): BatchMode => (size === 1 ? 'loop' : 'batch')

const describe = (state: State, site: string): ModelDescription => {
  const [main, ...external] = state.files
  if (main === undefined) throw failure('not-found', 'the model has no file yet: put one')
  // At home where the model is now, which need not be where it was put.
  const at = ({ content }: StoredFile) => new ContentRef(content.hash, content.bytes, site)
  const hash = hashOfModel({ file: main.content, external })
  const batch = state.batch ?? statedPlan(state)
  return {
    hash,
    file: at(main),
    external: external.map((file) => ({ location: file.location, content: at(file) })),
    bytes: state.files.reduce((sum, file) => sum + file.content.bytes, 0),
    inputs: state.inputs,
    outputs: state.outputs,
    mode: modeOf(batch),
    batch,
    ...(state.warnings !== undefined && { warnings: state.warnings }),
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
     * @param given the ONNX file's bytes
     * @param external bytes of each external data file, by the location that the ONNX file gives it
     * @throws `bad-model`; `unsupported` for inputs, outputs and opsets that cannot be run, with the way out;
     * `invalid-argument` for options that name what the model does not have
     */
    async put(
      self,
      given: Uint8Array,
      external: Readonly<Record<string, Uint8Array>> = {},
      options: PutOptions = {},
    ): Promise<ModelDescription> {
      const summary = inspectOnnx(given)
      checkOpsets(summary.opsets)
      const { file, notes } = withoutZipMap(given)
      const stated = statedTypes(file)
      const needed = summary.external.map(({ location }) => location)
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
      const shape = withRanks(await self.compute.inspect(describe(candidate, self.site), self.signal), stated)
      const found = planOf(shape, readable(file, external))
      const batch = withOption(found.plan, shape, options.batch)
      const warnings = [...notes, ...(options.batch === undefined ? found.warnings : [])]
      self.state = { files, ...shape, mode: modeOf(batch), batch, ...(warnings.length > 0 && { warnings }) }
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
  arguments: { put: [bytes(), optional(record(bytes())), optional(putOptions)], describe: [], forward: [modelHandle, feeds] },
  results: { put: modelDescription, describe: modelDescription, forward: forwardResult },
})
