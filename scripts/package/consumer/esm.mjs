// A program of a user's: everything that the package promises, once.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, dataLoader, dataset, model, Tensor, trainer } from 'active-storage'
import { counter } from './counter.mjs'

const data = mkdtempSync(join(tmpdir(), 'active-storage-consumer-'))
const args = ['active-storage', 'node', '--data', data, '--listen', '127.0.0.1:0', '--name', 'edge', '--objects', 'counter.ts', '--json']
const node = spawn('npx', ['--no-install', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
const [line] = await Promise.race([
  once(createInterface({ input: node.stdout }), 'line'),
  once(node, 'exit').then(([code]) => assert.fail(`the node ended with ${code}`)),
])
const { address, pid } = JSON.parse(line)
let client
try {
  client = await connect({ node: address })
  assert.equal(await client.object(counter, 'visits').add(2), 2)

  // A picture of 2 x 2 pixels, decoded: channels come first.
  const pictures = client.object(dataset, 'pictures')
  const png = new Uint8Array(
    Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAFklEQVQImWPgEpHTMLJhcAuISsmrAAAPGAMN3WDcMwAAAABJRU5ErkJggg==',
      'base64',
    ),
  )
  await pictures.put([{ id: 'a.png', bytes: png }])
  const loader = dataLoader({ dataset: pictures, pipeline: [{ op: 'decode' }], batchSize: 1 })
  for await (const { data: pixels } of client.wrap(loader)) assert.deepEqual([...pixels.data].slice(0, 6), [10, 40, 70, 100, 20, 50])

  const file = new Uint8Array(readFileSync('model.onnx'))
  const net = client.object(model, 'net')
  const description = await net.put(file)
  const x = new Tensor(
    'float32',
    Float32Array.from({ length: 8 * 4 }, (_, i) => Math.sin(i)),
    [8, 4],
  )
  const labels = new Tensor(
    'int64',
    BigInt64Array.from({ length: 8 }, (_, i) => BigInt(i % 2)),
    [8],
  )
  const [input] = description.inputs
  assert.ok(input)
  const answer = await net.forward(description, { [input.name]: x })
  assert.deepEqual(Object.values(answer.outputs ?? answer)[0].shape, [8, 2])

  const training = client.object(trainer, 'training')
  await training.put(file, { loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' }, learningRate: 0.1 })
  const { run, step } = await training.start()
  const losses = []
  for (let made = 1; made <= 5; made++) losses.push((await training.step({ [input.name]: x, labels }, { run, step: step + made })).loss)
  assert.ok(losses.every(Number.isFinite) && losses[4] < losses[0], `losses ${losses}`)
  await training.save(run, { close: true })
  assert.ok((await training.export()).length > 100)
} finally {
  await client?.close()
  process.kill(pid, 'SIGTERM')
}
await once(node, 'exit')
assert.ok(existsSync(join(data, 'node.lock')))
console.log('ok')
