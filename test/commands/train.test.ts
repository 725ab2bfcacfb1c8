import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { network, partsOf, putPart, weightsIn } from '../objects/parallel/material.ts'
import { startNode, temporaryFolder } from '../storage-node/support.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

test('a plan with members trains on several nodes, and the trained model is written', async (t) => {
  const parts = partsOf([40, 40])
  const other = await startNode(t, { name: 'n1' })
  await putPart(t, other, parts[1]!)
  const lead = await startNode(t, { name: 'n0', peers: { n1: other.address } })
  await putPart(t, lead, parts[0]!)
  const folder = temporaryFolder(t)
  const [model, plan, trained] = ['model.onnx', 'plan.yaml', 'trained.onnx'].map((name) => join(folder, name)) as [string, string, string]
  await writeFile(model, network())
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
    const child = spawn(process.execPath, ['--import', 'tsx', cli, 'train', 'both', '--node', lead.address, ...args])
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    assert.equal(child.exitCode, 0, stderr)
    return stdout
  }
  assert.match(await run('--model', model, '--plan', plan, '--export', trained), /epoch 2\/2: loss [\d.]+.*; done/)
  const [before, after] = [weightsIn(network()), weightsIn(await readFile(trained))]
  assert.ok([...after].some(([name, data]) => data.some((value, i) => value !== before.get(name)?.[i])))
  assert.match(await run('--status'), /both: done, step 10 of the last checkpoint, epoch 2\/2/)
})
