import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, model, trainer } from '../../../src/index.ts'
import { startNode } from '../../storage-node/support.ts'
import { floats, modelOf, startClient, told } from './support.ts'

test('a file under the hash of another model is refused, and the other model answers as before', async (t) => {
  const client = await startClient(t)
  const [good, bad] = await Promise.all(
    (['Add', 'Mul'] as const).map((op) =>
      client.object(model, op).put(modelOf({ inputs: { x: ['N'] } }, (b, { x }) => ({ y: b.op(op, [x!, b.constant(floats([1], [10]))]) }))),
    ),
  )
  const x = floats([1], [5])
  const forged = { ...bad!, hash: good!.hash }
  await assert.rejects(client.object(model, 'Add').forward(forged, { x }), { code: 'invalid-argument', message: /not that of its files/ })
  const { outputs } = await client.object(model, 'Add').forward(good!, { x })
  assert.deepEqual(told(outputs['y']!), [[1], [15]])
  // Nor can external files be exchanged.
  const { hash } = good!
  const external = [{ location: 'weights', content: bad!.file }]
  await assert.rejects(client.object(model, 'Add').forward({ ...good!, external, hash }, { x }), { code: 'invalid-argument' })
})

test('a trainer predicts with a model that is larger than the cache for fetched content', async (t) => {
  const node = await startNode(t, { cacheBytes: 100_000 })
  const client = await connect({ node: node.address })
  t.after(() => client.close())
  const object = client.object(trainer, 't')
  const file = modelOf({ inputs: { x: ['N', 300] } }, (b, { x }) => ({
    y: b.op('MatMul', [x!, b.initializer('w.weight', floats([300, 300]))]),
  }))
  await object.put(file, { loss: { kind: 'mse', target: 'target' }, optimizer: { kind: 'sgd' }, learningRate: 0.1 })
  const { session } = await object.start()
  await object.step({ x: floats([1, 300]), target: floats([1, 300]) }, { session, step: 1, save: true })
  const { y } = await object.predict({ x: floats([1, 300]) })
  assert.deepEqual(y?.shape, [1, 300])
})
