// A host in a process of its own whose test ends it: it runs a model that has no end, and says the id of the compute process.
import { Tensor } from '../../../src/core/tensor.ts'
import { createCompute } from '../../../src/storage-node/compute/pool.ts'
import { endless } from './killers.ts'
import { opener, shared, source } from './models.ts'

const compute = createCompute({ threads: 1, openModel: opener({ e: shared(endless) }) })
const live = new AbortController().signal
await compute.inspect(source('e'), live)
const [, , mode] = process.argv
if (mode === 'idle') {
  // Ends by itself: a compute process without work keeps no program alive.
  process.stdout.write(`${compute.pids()[0]}\n`)
} else {
  const run = compute.run(
    source('e'),
    { x: new Tensor('float32', Float32Array.of(1), [1]) },
    AbortSignal.timeout(mode === 'left' ? 50 : 2 ** 30),
  )
  process.stdout.write(`${compute.pids()[0]}\n`)
  // Nor does one that works for nobody any more.
  await run.catch(() => undefined)
}
