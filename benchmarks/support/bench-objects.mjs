// Object types of the benchmarks. Plain JavaScript over the built package, since a built node loads it.
import { defineObject, Tensor } from '../../dist/index.js'
import { preprocess } from '../../dist/objects/pipeline/pipeline.js'

/** Tensors that are made once: making one costs about what sending it does. */
const made = new Map()

const tensorOf = (bytes) => {
  const known = made.get(bytes)
  if (known !== undefined) return known
  const tensor = new Tensor('float32', new Float32Array(bytes / 4).fill(1.5), [bytes / 4])
  made.set(bytes, tensor)
  return tensor
}

export const bench = defineObject({
  name: 'bench',
  movable: {
    /** Takes a tensor and says how many bytes it had. */
    take: (_self, tensor) => tensor.byteLength,
    /** Gives a float32 tensor of so many bytes. */
    give: (_self, bytes) => tensorOf(bytes),
    /** Preprocesses as `batch.preprocess` does, and keeps the result: what the pipeline costs without sending it. */
    prepare: async (self, spec, samples, key) => (await preprocess(self, spec, samples, key)).byteLength,
  },
})
