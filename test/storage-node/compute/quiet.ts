// Runs a model in a process of its own; the test looks at what that leaves behind.
import { Tensor } from '../../../src/core/tensor.ts'
import { createCompute } from '../../../src/storage-node/compute/pool.ts'
import { atPath, face, opener, source } from './models.ts'

const compute = createCompute({ threads: 1, openModel: opener({ f: atPath(face) }) })
await compute.run(
  source('f'),
  { 'input:0': new Tensor('float32', new Float32Array(256 * 256 * 3), [1, 256, 256, 3]) },
  new AbortController().signal,
)
await compute.close()
