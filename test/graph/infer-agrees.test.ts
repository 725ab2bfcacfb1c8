import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Plain } from '../../src/graph/attributes.ts'
import type { GraphBuilder, Value } from '../../src/graph/builder.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { built, type Input, ints } from './one-operator.ts'
import { runModel } from './run.ts'

/** What onnxruntime gives of it; undefined where it refuses. */
const runtimeShapes = async (b: GraphBuilder, outputs: readonly Value[], shapes: readonly Input[]) => {
  for (const output of outputs) b.output(output)
  const feeds = new Map(
    shapes.flatMap((shape, i): [string, Tensor][] => {
      if (shape === undefined || shape instanceof Tensor) return []
      const sides = shape.map(Number)
      return [[`x${i}`, new Tensor('float32', new Float32Array(sides.reduce((product, side) => product * side, 1)).fill(1), sides)]]
    }),
  )
  try {
    const results = await runModel(writeGraph({ graph: b.build() }), feeds)
    return outputs.map(({ name }) => results.get(name)?.shape)
  } catch {
    return undefined
  }
}

let compared = 0

/** Infers and runs: both give one shape, or both refuse. */
const agrees = async (op: string, inputs: readonly Input[], attributes: Readonly<Record<string, Plain>>) => {
  let made
  try {
    made = built(op, inputs, attributes)
  } catch (error) {
    assert.ok(isActiveStorageError(error, 'bad-model') || isActiveStorageError(error, 'unsupported'), String(error))
    return
  }
  const found = await runtimeShapes(made.b, made.outputs, inputs)
  // The runtime may refuse more: inference is not there to know each kernel's limits.
  if (found === undefined) return
  compared++
  assert.deepEqual(
    made.outputs.map(({ shape }) => shape),
    found,
  )
}

const few = { numRuns: 60 }
const small = (max: number) => fc.integer({ min: 1, max })
const pair = (max: number, min = 1) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map((both): number[] => [...both])
const pads = fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1), fc.nat(1)).map((all): number[] => [...all])

test('windows of any stride, dilation and padding give the shapes that onnxruntime gives', async () => {
  const image = fc.record({
    n: small(2),
    c: small(2),
    side: pair(9, 3),
    kernel: pair(3),
    strides: pair(3),
    dilations: pair(2),
    pads,
    group: small(2),
    out: small(2),
  })
  await fc.assert(
    fc.asyncProperty(
      image,
      fc.constantFrom('NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
      fc.nat(1),
      async ({ n, c, side, kernel, strides, dilations, pads: edges, group, out }, auto, ceil) => {
        const padding = auto === 'NOTSET' ? { pads: edges } : { auto_pad: auto }
        await agrees(
          'Conv',
          [
            [n, c * group, ...side],
            [out * group, c, ...kernel],
          ],
          { strides, dilations, group, ...padding },
        )
        await agrees(
          'ConvTranspose',
          [
            [n, c * group, ...side],
            [c * group, out, ...kernel],
          ],
          { strides, dilations, group, ...padding },
        )
        await agrees('MaxPool', [[n, c, ...side]], { kernel_shape: kernel, strides, dilations, ceil_mode: ceil, ...padding })
        await agrees('AveragePool', [[n, c, ...side]], { kernel_shape: kernel, strides, ceil_mode: ceil, ...padding })
      },
    ),
    few,
  )
})

test('slices, pads, reshapes and reductions give the shapes that onnxruntime gives', async () => {
  const sides = fc.array(small(4), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(
      sides,
      fc.integer({ min: -6, max: 6 }),
      fc.integer({ min: -6, max: 6 }),
      fc.integer({ min: -3, max: 3 }),
      fc.nat(2),
      fc.boolean(),
      async (shape, start, end, step, at, keep) => {
        const axis = at % shape.length
        await agrees('Slice', [shape, ints(start), ints(end), ints(axis - shape.length), ints(step)], {})
        await agrees('Pad', [shape, ints(start, end), undefined, ints(axis)], {})
        await agrees('ReduceMax', [shape, ints(axis)], { keepdims: Number(keep) })
        await agrees('ArgMax', [shape], { axis, keepdims: Number(keep) })
        await agrees('Reshape', [shape, ints(0, -1)], {})
        await agrees('Flatten', [shape], { axis: start })
        await agrees('Expand', [shape, ints(Math.abs(start), 1)], {})
        await agrees('Split', [shape], { axis, num_outputs: 1 })
      },
    ),
    few,
  )
})

test('broadcasts and products give the shapes that onnxruntime gives', async () => {
  const sides = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(sides, sides, async (a, c) => {
      await agrees('Mul', [a, c], {})
      await agrees('MatMul', [a, c], {})
      await agrees('Max', [a, c, [1]], {})
    }),
    few,
  )
})

test('most of these were compared, and not refused by one or the other', () => {
  assert.ok(compared > 600, `${compared}`)
})
