import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, dataset } from '../../src/index.ts'
import { network, plan, pointsOf, spec } from '../objects/trainer/material.ts'
import { startNodeProcess, temporaryFolder } from '../support/node-process.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

test('a training is placed from the command line: where it is told, or by the policy, to the same file', async () => {
  await using folder = await temporaryFolder()
  await using node = await startNodeProcess(join(folder.path, 'data'), ['--name', 'edge', '--threads', '1'])
  const at = (file: string) => join(folder.path, file)
  const client = await connect({ node: node.address })
  await client.object(dataset, 'points').put(pointsOf(60))
  await client.close()
  writeFileSync(at('model.onnx'), network())
  writeFileSync(at('plan.json'), JSON.stringify({ trainer: spec, fit: plan({ epochs: 2 }) }))
  writeFileSync(at('policy.yaml'), 'version: 1\nrules:\n  - { name: home, match: { type: trainer }, place: local }\n')
  const run = async (...args: string[]) => {
    const told = ['train', 'main', '--node', node.address, '--model', at('model.onnx'), '--plan', at('plan.json'), ...args]
    const child = spawn(process.execPath, ['--import', 'tsx', cli, ...told])
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { code: child.exitCode, stdout, stderr }
  }
  const there = await run('--place', 'node', '--export', at('there.onnx'))
  assert.equal(there.code, 0, there.stderr)
  assert.match(there.stdout, /^at edge\nepoch 1\/2.*\n?epoch 2\/2.*; done\n.*there\.onnx/s)
  const here = await run('--place', 'auto', '--policy', at('policy.yaml'), '--export', at('here.onnx'))
  assert.equal(here.code, 0, here.stderr)
  assert.match(here.stdout, /^at local: rule "home"/)
  assert.deepEqual(readFileSync(at('here.onnx')), readFileSync(at('there.onnx')))
  assert.notDeepEqual(readFileSync(at('here.onnx')), Buffer.from(network()))
  const lost = await run('--place', 'auto')
  assert.deepEqual([lost.code, /--export FILE/.test(lost.stderr)], [2, true], lost.stderr)
  const odd = await run('--place', 'moon')
  assert.deepEqual([odd.code, /use auto, local, node, cloud/.test(odd.stderr)], [2, true], odd.stderr)
})
