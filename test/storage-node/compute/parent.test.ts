import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('parent.ts', import.meta.url))

const start = async (t: TestContext, mode: string): Promise<{ readonly child: ChildProcess; readonly pid: number }> => {
  const child = spawn(process.execPath, ['--import', 'tsx', program, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line]: string[] = await once(createInterface({ input: child.stdout }), 'line')
  return { child, pid: Number(line) }
}
const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
const gone = async (pid: number) => {
  while (lives(pid)) await new Promise(setImmediate)
}

test('a compute process ends with its host, even in the middle of a run that has no end', async (t) => {
  const { child, pid } = await start(t, 'endless')
  assert.ok(lives(pid))
  child.kill('SIGKILL')
  await gone(pid)
})

test('a compute process without work keeps no program from ending', async (t) => {
  const { child, pid } = await start(t, 'idle')
  if (child.exitCode === null) await once(child, 'exit')
  assert.equal(child.exitCode, 0)
  await gone(pid)
})

test('a run that everybody has given up keeps no program from ending', async (t) => {
  const { child, pid } = await start(t, 'left')
  if (child.exitCode === null) await once(child, 'exit')
  assert.equal(child.exitCode, 0)
  await gone(pid)
})
