import { type TestContext } from 'node:test'
import type { DType } from '../../../src/core/dtype.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Dim } from '../../../src/graph/graph.ts'
import { fieldsOf, MessageWriter, textAt } from '../../../src/graph/wire.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { connect, inProcessNode, model } from '../../../src/index.ts'
import type { PutOptions } from '../../../src/objects/model/model.ts'

export const floats = (shape: readonly number[], data: readonly number[] = []): Tensor<'float32'> => {
  const size = shape.reduce((total, side) => total * side, 1)
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, i) => data[i] ?? i),
    shape,
  )
}
export const ints = (...values: readonly number[]): Tensor<'int64'> =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])

export interface Shapes {
  readonly inputs: Readonly<Record<string, readonly Dim[] | readonly [DType, ...Dim[]]>>
  /** What the file states of an output, where that is to be other than what the graph gives. */
  readonly states?: Readonly<Record<string, readonly Dim[]>>
}
type Build = (b: GraphBuilder, inputs: Readonly<Record<string, Value>>) => Readonly<Record<string, Value>>

/** A model file: float32 inputs of these shapes, and what is built of them. */
export const modelOf = ({ inputs, states = {} }: Shapes, build: Build): Uint8Array => {
  const b = new GraphBuilder({ opset: 17 })
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const dtype = shape[0] === 'string' || shape[0] === 'float16' || shape[0] === 'int64' ? shape[0] : undefined
      return [name, b.input(name, dtype ?? 'float32', dtype === undefined ? shape : shape.slice(1))]
    }),
  )
  for (const [name, value] of Object.entries(build(b, values))) b.output(value, name)
  const graph = b.build()
  const outputs = new Map(
    [...graph.outputs].map(([name, type]) => [name, { ...type, shape: Object.hasOwn(states, name) ? states[name]! : type.shape }]),
  )
  return writeGraph({ graph: { ...graph, outputs } })
}

/** The model file with what another writer makes of each field of its graph; undefined leaves a field as it is. */
export const changed = (file: Uint8Array, change: (id: number, name: string) => MessageWriter | undefined, opsets = 'kept'): Uint8Array => {
  const writer = new MessageWriter()
  for (const field of fieldsOf(file)) {
    if (field.id === 8 && opsets !== 'kept') continue
    if (field.id !== 7) {
      writer.raw([field.raw])
      continue
    }
    const graph = new MessageWriter()
    for (const inner of fieldsOf(field.bytes)) {
      const info = inner.id === 11 || inner.id === 12
      const made = info ? change(inner.id, textAt(fieldsOf(inner.bytes), 1)) : undefined
      if (made === undefined) graph.raw([inner.raw])
      else graph.message(inner.id, made)
    }
    writer.message(7, graph)
  }
  return writer.finish()
}

/** The places of what is not zero in x [1, width]: [K, 2] and [1, K, 2]. NonZero is not inferred here, so it replaces a Relu in the file. */
export const detections = (stated: boolean, width = 4): Uint8Array => {
  const file = modelOf({ inputs: { x: [1, width] } }, (b, { x }) => {
    const places = b.op('Transpose', [b.op('Relu', [b.op('Reshape', [x!, b.constant(ints(1, width))])], {}, { name: 'found' })])
    return { rows: places, kept: b.op('Unsqueeze', [places, b.constant(ints(0))]) }
  })
  const side = (of: number | string) => (typeof of === 'number' ? new MessageWriter().int(1, of) : new MessageWriter().text(2, of))
  const info = (name: string, sides: readonly (number | string)[]) => {
    const shape = new MessageWriter()
    for (const each of sides) shape.message(1, side(each))
    const tensor = new MessageWriter().int(1, 7).message(2, shape)
    return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor))
  }
  const typed = changed(file, (id, name) => {
    if (id !== 12) return undefined
    const k = stated ? 'K' : ''
    return name === 'rows' ? info(name, [k, 2]) : info(name, [1, k, 2])
  })
  return nonZero(typed)
}
const nonZero = (file: Uint8Array): Uint8Array => {
  const writer = new MessageWriter()
  for (const field of fieldsOf(file)) {
    if (field.id !== 7) writer.raw([field.raw])
    else {
      const graph = new MessageWriter()
      for (const inner of fieldsOf(field.bytes)) {
        const node = inner.id === 1 ? fieldsOf(inner.bytes) : []
        if (inner.id === 1 && textAt(node, 4) === 'Relu')
          graph.message(1, new MessageWriter().raw(node.filter(({ id }) => id !== 4).map(({ raw }) => raw)).text(4, 'NonZero')) // prettier-ignore
        else graph.raw([inner.raw])
      }
      writer.message(7, graph)
    }
  }
  return writer.finish()
}

/** A client of a node in this process. */
export const startClient = async (t: TestContext) => {
  const node = await inProcessNode({ name: 'edge' })
  const client = await connect({ sites: { edge: { role: 'node', host: node } }, policy: { yaml: 'version: 1\nstrategy: node\n' } })
  t.after(() => client.close())
  return client
}
type Client = Awaited<ReturnType<typeof startClient>>

let models = 0
/** Puts a model under a name of its own: its description, and a way to run it. */
export const putModel = async (client: Client, file: Uint8Array, options?: PutOptions) => {
  const name = `m${models++}`
  const remote = client.object(model, name)
  const handle = await remote.put(file, {}, ...(options === undefined ? [] : [options]))
  return { name, handle, run: async (feeds: Readonly<Record<string, Tensor>>) => (await remote.forward(handle, feeds)).outputs }
}

/** Shape and values of a tensor, as a test compares them. */
export const told = (tensor: Tensor | undefined): readonly unknown[] | undefined =>
  tensor && [
    [...tensor.shape],
    Array.from(tensor.data as ArrayLike<unknown>, (value) => (typeof value === 'bigint' ? Number(value) : value)),
  ]
