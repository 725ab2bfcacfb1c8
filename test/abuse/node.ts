import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const objects = fileURLToPath(new URL('./objects.mjs', import.meta.url))

/** A node as it is installed: one that runs from source has the compiler in its memory too. */
export const startBuiltNode = async (memoryMib: number, busy: boolean) => {
  const data = mkdtempSync(join(tmpdir(), 'active-storage-abuse-'))
  const args = ['node', '--json', '--data', data, '--listen', '127.0.0.1:0', '--memory', `${memoryMib}MiB`, '--threads', '1', '--quiet']
  // What loads types of an operator's own takes memory too.
  const child = spawn(process.execPath, [cli, ...args, ...(busy ? ['--objects', objects] : [])], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
    exit.then(() => ''),
  ])
  const said: unknown = line === '' ? undefined : JSON.parse(line)
  if (typeof said !== 'object' || said === null || !('address' in said))
    throw new Error('the built node does not start: run `npm run build` first')
  return {
    address: String(said.address),
    pid: child.pid ?? 0,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exit
      rmSync(data, { recursive: true, force: true })
    },
  }
}
