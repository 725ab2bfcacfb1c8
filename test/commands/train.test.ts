import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, dataset } from '../../src/index.ts'
import { network as wide, partsOf, putPart, weightsIn } from '../objects/parallel/material.ts'
import { network, plan, pointsOf, spec } from '../objects/trainer/material.ts'
import { startNode, temporaryFolder } from '../storage-node/support.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

const train = async (name: string, ...args: string[]) => {
  const child = spawn(process.execPath, ['--import', 'tsx', cli, 'train', name, ...args])
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code: child.exitCode, stdout, stderr }
}

test('a training is placed from the command line: where it is told, or by the policy, to the same file', async (t) => {
  const folder = temporaryFolder(t)
  const node = await startNode(t, { name: 'edge' })
  const at = (file: string) => join(folder, file)
  const client = await connect({ node: node.address })
  await client.object(dataset, 'points').put(pointsOf(60))
  await client.close()
  await writeFile(at('model.onnx'), network())
  await writeFile(at('plan.json'), JSON.stringify({ trainer: spec, fit: plan({ epochs: 2 }) }))
  await writeFile(at('policy.yaml'), 'version: 1\nrules:\n  - { name: home, match: { type: trainer }, place: local }\n')
  const run = (...args: string[]) => train('main', '--node', node.address, '--model', at('model.onnx'), '--plan', at('plan.json'), ...args)
  const there = await run('--place', 'node', '--export', at('there.onnx'))
  assert.equal(there.code, 0, there.stderr)
  assert.match(there.stdout, /^at edge\nepoch 1\/2.*\n?epoch 2\/2.*; done\n.*there\.onnx/s)
  const here = await run('--place', 'auto', '--policy', at('policy.yaml'), '--export', at('here.onnx'))
  assert.equal(here.code, 0, here.stderr)
  assert.match(here.stdout, /^at local: rule "home"/)
  assert.deepEqual(await readFile(at('here.onnx')), await readFile(at('there.onnx')))
  assert.notDeepEqual(await readFile(at('here.onnx')), Buffer.from(network()))
  const lost = await run('--place', 'auto')
  assert.deepEqual([lost.code, /--export FILE/.test(lost.stderr)], [2, true], lost.stderr)
  // What cannot be written is refused before anything is trained.
  const nowhere = await run('--export', at('none/trained.onnx'))
  assert.deepEqual([nowhere.code, nowhere.stdout, /there is no folder .*none; make it/.test(nowhere.stderr)], [3, '', true], nowhere.stderr)
  const shut = await run('--place', 'node', '--export', folder)
  assert.deepEqual([shut.code, /is a folder: name a file in it/.test(shut.stderr)], [2, true], shut.stderr)
  const odd = await run('--place', 'moon')
  assert.deepEqual([odd.code, /use auto, local, node, cloud/.test(odd.stderr)], [2, true], odd.stderr)
})

test('Ctrl-C says how to go on', async (t) => {
  const folder = temporaryFolder(t)
  const node = await startNode(t, { name: 'edge' })
  const at = (file: string) => join(folder, file)
  const client = await connect({ node: node.address })
  await client.object(dataset, 'points').put(pointsOf(60))
  await client.close()
  await writeFile(at('model.onnx'), network())
  await writeFile(at('plan.json'), JSON.stringify({ trainer: spec, fit: plan({ epochs: 100_000 }) }))
  const args = ['train', 'main', '--node', node.address, '--model', at('model.onnx'), '--plan', at('plan.json')]
  const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args])
  const said = text(child.stderr)
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  assert.equal(code, 130)
  assert.match(await said, /interrupted; active-storage train main --resume goes on from the last checkpoint\n$/)
})

test('a plan with members trains on several nodes, and the trained model is written', async (t) => {
  const parts = partsOf([40, 40])
  const other = await startNode(t, { name: 'n1' })
  await putPart(t, other, parts[1]!)
  const lead = await startNode(t, { name: 'n0', peers: { n1: other.address } })
  await putPart(t, lead, parts[0]!)
  const folder = temporaryFolder(t)
  const [model, plan, trained] = ['model.onnx', 'plan.yaml', 'trained.onnx'].map((name) => join(folder, name)) as [string, string, string]
  await writeFile(model, wide())
  await writeFile(
    plan,
    `trainer: { loss: { kind: cross-entropy }, optimizer: { kind: sgd }, learningRate: 0.1 }
fit:
  members: [{ site: n0, dataset: points }, { site: n1, dataset: points }]
  pipeline: [{ op: tensor, dtype: float32, shape: [12] }]
  batchSize: 16
  epochs: 2
`,
  )
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await train('both', '--node', lead.address, ...args)
    assert.equal(code, 0, stderr)
    return stdout
  }
  assert.match(await run('--model', model, '--plan', plan, '--export', trained), /epoch 2\/2: loss [\d.]+.*; done/)
  const [before, after] = [weightsIn(wide()), weightsIn(await readFile(trained))]
  assert.ok([...after].some(([name, data]) => data.some((value, i) => value !== before.get(name)?.[i])))
  assert.match(await run('--status'), /both: done, step 10 of the last checkpoint, epoch 2\/2/)
})
