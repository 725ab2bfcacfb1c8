import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { createCompute } from '../../../src/storage-node/compute/pool.ts'
import { identityModel, opener, shared, source } from './models.ts'

const program = fileURLToPath(new URL('rubbish.mjs', import.meta.url))
const live = new AbortController().signal
const feeds = { in0: new Tensor('float32', Float32Array.of(7), [1]) }

const modes = ['noise', 'huge', 'twice', 'heads', 'nowhere', 'file', 'sides', 'body', 'nothing', 'kind', 'needs-model', 'shape', 'outputs', 'failed', 'exit'] // prettier-ignore

test('whatever a process writes that was taken over, its run fails and nothing else', async () => {
  for (const mode of modes) {
    process.env['RUBBISH_MODE'] = mode
    const compute = createCompute({ threads: 1, openModel: opener({ a: shared(identityModel([1])) }), program })
    await assert.rejects(compute.run(source('a'), feeds, live), (error) => isActiveStorageError(error, 'model-crashed'), mode)
    await compute.close()
    assert.equal(compute.stats().processes?.processes, 0, mode)
  }
})
