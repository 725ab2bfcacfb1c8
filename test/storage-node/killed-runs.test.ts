import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { model } from '../../src/objects/model/model.ts'
import { site } from '../../src/objects/site.ts'
import type { Transport } from '../../src/core/transport.ts'
import { division, endless, hollow, strideless } from './compute/killers.ts'
import { startNodeProcess } from './node-process.ts'
import { linkTo, remote, temporaryFolder } from './support.ts'

const one = { x: new Tensor('float32', Float32Array.of(1), [1]) }
const trap = { a: new Tensor('int64', BigInt64Array.of(-(2n ** 63n)), [1]), b: new Tensor('int64', BigInt64Array.of(-1n), [1]) }
const put = async (link: Transport, name: string, file: Uint8Array) => {
  const { hash, file: ref, external, mode } = await remote(link, model, name).put(file)
  return { hash, file: ref, external, mode }
}
const code = async (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (isActiveStorageError(error) ? error.code : String(error)),
  )

test('models that crash, never end or are millions of empty parts cost their own calls, and the node serves on and stops', async (t) => {
  const node = await startNodeProcess(t, ['--data', temporaryFolder(t), '--threads', '1', '--compute-grace', '1', '--quiet'])
  const [caller, other] = [linkTo(t, node.address), linkTo(t, node.address)]
  const echo = () => remote(other, site).echo(1)
  const [bad, loop] = [await put(caller, 'bad', division), await put(caller, 'loop', endless)]
  const forward = (handle: typeof bad, feeds: Readonly<Record<string, Tensor>>, timeoutMs = 60_000) =>
    code(remote(caller, model, 'm', { timeoutMs }).forward(handle, feeds))

  assert.equal(await forward(bad, trap), 'model-crashed')
  // This one crashes onnxruntime when it is loaded.
  assert.equal(await code(put(caller, 'pool', strideless)), 'model-crashed')
  assert.equal(await echo(), 1)
  assert.equal(await code(remote(caller, model, 'hollow').put(hollow(1, new Uint8Array(), 3_000_000))), 'bad-model')
  assert.equal(await forward(loop, one, 300), 'deadline-exceeded')
  assert.equal(await forward(loop, one, 300), 'deadline-exceeded')
  assert.equal(await echo(), 1)
  assert.equal(node.child.exitCode, null)
  const { compute } = await remote(other, site).stats()
  assert.equal(compute?.crashes, 2)
  // A run that everybody has given up does not keep the node.
  assert.equal(await forward(loop, one, 300), 'deadline-exceeded')
  node.child.kill('SIGTERM')
  assert.equal(await node.ended, 0)
})
