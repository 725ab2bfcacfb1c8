import { readFile, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import protobuf from 'protobufjs'
import { failure } from '../../core/errors.ts'
import { fileFailure } from '../../core/file-failure.ts'
import { checkBoundsOf } from '../../graph/bounds.ts'
import { onnxSchema } from './onnx-schema.ts'

/** What is read of an ONNX file before onnxruntime sees it. */
export interface OnnxSummary {
  readonly irVersion: number
  readonly opsets: readonly { readonly domain: string; readonly version: number }[]
  /** Files that hold tensors outside the model, by the location that it gives, without doubles. */
  readonly external: readonly { readonly location: string }[]
}

const MAX_DEPTH = 32

// Made by the first model that is read: a client that only calls reads none.
let schema: protobuf.Type | undefined
const modelProto = (): protobuf.Type => (schema ??= protobuf.Root.fromJSON(onnxSchema).lookupType('onnx.ModelProto'))

interface Entry {
  readonly key?: string
  readonly value?: string
}
interface TensorProto {
  readonly dataLocation?: number
  readonly externalData?: readonly Entry[]
}
interface Sparse {
  readonly values?: readonly TensorProto[]
  readonly indices?: readonly TensorProto[]
}
interface Attribute {
  readonly t?: readonly TensorProto[]
  readonly g?: readonly Graph[]
  readonly sparse?: readonly Sparse[]
  readonly sparses?: readonly Sparse[]
  readonly tensors?: readonly TensorProto[]
  readonly graphs?: readonly Graph[]
}
interface Graph {
  readonly node?: readonly { readonly attribute?: readonly Attribute[] }[]
  readonly initializer?: readonly TensorProto[]
  readonly sparseInitializer?: readonly Sparse[]
}
interface Model {
  readonly irVersion?: number | { toNumber(): number }
  readonly opsetImport?: readonly { readonly domain?: string; readonly version?: number | { toNumber(): number } }[]
  readonly graph?: readonly Graph[]
  readonly functions?: readonly { readonly node?: Graph['node'] }[]
}

const number = (value: number | { toNumber(): number } | undefined): number => (typeof value === 'object' ? value.toNumber() : (value ?? 0))

const EXTERNAL = 1
const partsOf = (sparse: readonly Sparse[] = []) => sparse.flatMap(({ values = [], indices = [] }) => [...values, ...indices])
function* tensorsIn(graph: Graph, depth: number): Generator<TensorProto> {
  if (depth > MAX_DEPTH) throw failure('bad-model', `the model nests graphs more than ${MAX_DEPTH} deep`)
  yield* graph.initializer ?? []
  yield* partsOf(graph.sparseInitializer)
  for (const { attribute } of graph.node ?? []) {
    for (const { t = [], g = [], tensors = [], graphs = [], sparse, sparses } of attribute ?? []) {
      yield* t
      yield* tensors
      yield* partsOf(sparse)
      yield* partsOf(sparses)
      for (const inner of [...g, ...graphs]) yield* tensorsIn(inner, depth + 1)
    }
  }
}

/** A location that stays in the model's folder. @throws `bad-model` */
const checkLocation = (location: string): string => {
  const parts = location.split(/[\\/]/)
  if (parts[0] === '' || location.includes('\0') || isAbsolute(location) || /^[A-Za-z]:/.test(location) || parts.includes('..')) {
    throw failure(
      'bad-model',
      `the model keeps a tensor in "${location.slice(0, 200)}", outside its own folder: export it again with its data beside it, or as one file`,
    )
  }
  return location
}

/**
 * Reads what an ONNX file says of itself; its tensors are not touched.
 * @throws ActiveStorageError `bad-model` for what is no ONNX file, is cut off, or refers outside its folder
 */
export const inspectOnnx = (bytes: Uint8Array): OnnxSummary => {
  checkBoundsOf(bytes)
  const decoded = (): Model => {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- decoded by the schema that these interfaces mirror
      return modelProto().decode(bytes) as Model
    } catch (error) {
      throw failure(
        'bad-model',
        `this is no ONNX file, or only a part of one (${error instanceof Error ? error.message : String(error)}): export or copy it again`,
        error,
      )
    }
  }
  const model = decoded()
  const opsets = (model.opsetImport ?? []).map(({ domain = '', version }) => ({
    domain: domain === '' ? 'ai.onnx' : domain,
    version: number(version),
  }))
  const graphs = model.graph ?? []
  if (graphs.length === 0 || opsets.length === 0)
    throw failure('bad-model', 'this is no ONNX file, or only the beginning of one: it has no graph or no opset; export or copy it again')
  const locations = new Set<string>()
  const collect = (tensor: TensorProto) => {
    if (tensor.dataLocation !== EXTERNAL) return
    const given = (tensor.externalData ?? []).filter(({ key }) => key === 'location')
    // Readers differ in which of two they take.
    if (given.length > 1) throw failure('bad-model', 'the model gives a tensor two places for its data: export it again')
    locations.add(checkLocation(given[0]?.value ?? ''))
  }
  for (const graph of graphs) for (const tensor of tensorsIn(graph, 0)) collect(tensor)
  for (const { node } of model.functions ?? []) for (const tensor of tensorsIn({ ...(node && { node }) }, 0)) collect(tensor)
  return { irVersion: number(model.irVersion), opsets, external: [...locations].map((location) => ({ location })) }
}

/**
 * A model's bytes with those of its external data, read from its folder.
 * @throws ActiveStorageError `bad-model`, `not-found`
 */
export const externalFilesOf = async (path: string): Promise<{ file: Uint8Array; external: Record<string, Uint8Array> }> => {
  const read = (file: string) =>
    readFile(file).catch((error: unknown) => {
      throw fileFailure(file, error)
    })
  const file = await read(path)
  const folder = await realpath(dirname(path))
  const external: Record<string, Uint8Array> = {}
  for (const { location } of inspectOnnx(file).external) {
    // A link may lead out of the folder although its name does not.
    const real = await realpath(join(folder, location)).catch(() => join(folder, location))
    if (!real.startsWith(folder + sep))
      throw failure('bad-model', `${location}, where the model keeps a tensor, leads out of ${folder}: copy the file itself there`)
    external[location] = await read(real)
  }
  return { file, external }
}
