import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import type { Tensor } from '../../../src/core/tensor.ts'
import { interpret } from './interpret.ts'
import { fromTensor, type Nd } from './nd.ts'
import { countByOp, difference, readVectors, toleranceOf, type Vector, vectorsFolder } from './vectors.ts'

const root = vectorsFolder()
const absent = "Debian's libonnx-testdata is absent: install it, or set ONNX_TESTDATA to its data folder"

const faultOf = (vector: Vector, outputs: ReadonlyMap<string, Nd>): string[] =>
  [...vector.expected].flatMap(([name, expected]) => {
    const found = outputs.get(name)
    const fault = found === undefined ? 'is missing' : difference(found, fromTensor(expected), toleranceOf(vector))
    return fault === undefined ? [] : [`${vector.name}: ${name} ${fault}`]
  })

test("the reference gives every one of ONNX's operator vectors that it knows", (t) => {
  if (root === undefined) return t.skip(absent)
  const { vectors } = readVectors(root)
  const faults = vectors.flatMap((vector) =>
    faultOf(vector, interpret(vector.graph, new Map([...vector.feeds].map(([name, tensor]) => [name, fromTensor(tensor)])))),
  )
  assert.deepEqual(faults, [])
  const counts = countByOp(vectors)
  t.diagnostic(`${vectors.length} vectors, ${counts.size} operators: ${[...counts].map(([op, count]) => `${op} ${count}`).join(', ')}`)
  // A reader that finds nothing passes nothing.
  assert.ok(vectors.length >= 800 && counts.size >= 100, `${vectors.length} vectors of ${counts.size} operators`)
})

const asOrt = ({ dtype, data, shape }: Tensor): ort.Tensor => Reflect.construct(ort.Tensor, [dtype, data, [...shape]]) as ort.Tensor
const outputsOf = async ({ file, feeds }: Vector): Promise<Map<string, Nd>> => {
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  })
  const found = await session.run(Object.fromEntries([...feeds].map(([name, tensor]) => [name, asOrt(tensor)])))
  await session.release()
  return new Map(
    Object.entries(found).map(([name, { type, dims, data }]) => [
      name,
      fromTensor({ dtype: type, shape: dims, data } as unknown as Tensor), //
    ]),
  )
}

/** What stock onnxruntime says of a dtype or a layout that it has no CPU kernel for. */
const NO_KERNEL = /Could not find an implementation for|Batchwise recurrent operations/

test("onnxruntime's CPU kernels give the same vectors, so that the reference and they mean the same", async (t) => {
  if (root === undefined) return t.skip(absent)
  const faults: string[] = []
  const passed: Vector[] = []
  const refused: string[] = []
  for (const vector of readVectors(root).vectors) {
    const found = await outputsOf(vector).catch((error: unknown) => String(error))
    if (typeof found === 'string') {
      if (NO_KERNEL.test(found)) refused.push(vector.name)
      else faults.push(`${vector.name}: ${found}`)
      continue
    }
    const fault = faultOf(vector, found)
    faults.push(...fault)
    if (fault.length === 0) passed.push(vector)
  }
  assert.deepEqual(faults, [])
  t.diagnostic(`${passed.length} vectors, ${countByOp(passed).size} operators; without a kernel: ${refused.join(', ')}`)
  assert.ok(passed.length >= 800, `${passed.length} vectors`)
})
