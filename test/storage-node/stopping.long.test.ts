import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { model } from '../../src/objects/model/model.ts'
import { site } from '../../src/objects/site.ts'
import { endless } from './compute/killers.ts'
import { startNodeProcess } from './node-process.ts'
import { linkTo, remote, temporaryFolder } from './support.ts'

test('a node that is told to stop ends a run that has no end, and tells its caller, who still waits', async (t) => {
  const node = await startNodeProcess(t, ['--data', temporaryFolder(t), '--threads', '1', '--quiet'])
  const link = linkTo(t, node.address)
  const { hash, file, external, mode } = await remote(link, model, 'loop').put(endless)
  const call = remote(link, model, 'loop', { timeoutMs: 600_000 }).forward(
    { hash, file, external, mode },
    { x: new Tensor('float32', Float32Array.of(1), [1]) },
  )
  const failed = call.then(
    () => assert.fail('the run has come to its end'),
    (error: unknown) => error,
  )
  while ((await remote(link, site).stats()).inFlight < 2) await new Promise(setImmediate)
  node.child.kill('SIGTERM')
  const error = await failed
  assert.ok(isActiveStorageError(error, 'unavailable'))
  assert.match(error.text, /the host is stopping, and the run was ended/)
  assert.equal(await node.ended, 0)
})
