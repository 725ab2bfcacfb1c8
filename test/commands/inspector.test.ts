import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../storage-node/support.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

test('SIGUSR1 opens no inspector', { timeout: 600_000 }, async (t) => {
  const args = ['node', '--json', '--data', temporaryFolder(t), '--listen', '127.0.0.1:0', '--threads', '1']
  const node = spawn(process.execPath, ['--import', 'tsx', '--inspect-port=127.0.0.1:0', cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => node.kill('SIGKILL'))
  let errors = ''
  node.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  await once(createInterface({ input: node.stdout }), 'line')
  // The inspector says on stderr where it listens before anything that the process does for a later signal.
  node.kill('SIGUSR1')
  await new Promise((resolve) => setImmediate(resolve))
  node.kill('SIGTERM')
  await once(node, 'exit')
  assert.equal(node.exitCode, 0, errors)
  assert.doesNotMatch(errors, /Debugger listening|inspector/i)
})
