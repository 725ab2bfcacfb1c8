import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startNodeProcess, temporaryFolder } from '../support/node-process.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

test('backup, verify and restore from the command line, with exit codes that tell how it went', async () => {
  await using folder = await temporaryFolder()
  const at = (...parts: string[]) => join(folder.path, ...parts)
  for (const name of ['backups', 'photos']) mkdirSync(at(name))
  for (const name of ['a', 'b', 'c']) writeFileSync(at('photos', `${name}.png`), `bytes of ${name}`)
  const node = await startNodeProcess(at('data'), ['--name', 'edge', '--backups', at('backups')])
  await using _ = node
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args], { env: { ...process.env, ACTIVE_STORAGE_NODE: node.address } })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { code: child.exitCode, stdout, stderr }
  }
  const good = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await run(...args, '--json')
    assert.equal(code, 0, stdout + stderr)
    return JSON.parse(stdout)
  }
  const bad = async (expected: number, message: RegExp, ...args: string[]) => {
    const { code, stdout, stderr } = await run(...args)
    assert.equal(code, expected, stdout + stderr)
    assert.match(stdout + stderr, message)
  }

  await good('put', 'dataset', 'photos', at('photos'))
  const backup = at('backups', 'monday')
  assert.deepEqual(await good('backup', '--to', backup), { to: backup, contents: 3, bytes: 30, copied: 0 })
  await bad(1, /already-exists/, 'backup', '--to', backup)
  await bad(8, /--backups FOLDER/, 'backup', '--to', at('tuesday'))
  await bad(2, /--to FOLDER is required/, 'backup')
  await bad(7, /folder-in-use/, 'verify', '--data', at('data'))
  await bad(3, /holds no store/, 'verify', '--data', at('none'))
  assert.match((await run('verify', '--data', backup)).stdout, /1 objects, .* 3 contents .*; sound/)

  const restored = at('restored')
  const { counts } = (await good('restore', '--from', backup, '--data', restored)) as { counts: { contents: number } }
  assert.equal(counts.contents, 3)
  await bad(1, /not empty.*--force/, 'restore', '--from', backup, '--data', restored)

  cpSync(restored, at('damaged'), { recursive: true })
  rmSync(join(at('damaged'), 'content'), { recursive: true })
  const { stdout, code } = await run('verify', '--data', at('damaged'), '--json')
  const said = JSON.parse(stdout) as { sound: boolean; found: Record<string, number> }
  assert.deepEqual([code, said.sound, said.found], [1, false, { 'missing-content': 3 }])
  await bad(1, /missing-content: .*\n {2}put the same bytes again.*\n(.*\n)*.*3 problems/, 'verify', '--data', at('damaged'))

  // Pages that point nowhere can end the process that reads them.
  const file = join(restored, 'store', 'data.mdb')
  const bytes = readFileSync(file)
  writeFileSync(file, Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(bytes.byteLength - 8192, 0xff)]))
  await bad(1, /storage-failed.*data\.mdb is damaged: page \d+ .*restore the folder from a backup/, 'verify', '--data', restored)
  truncateSync(file, 12_288)
  await bad(1, /storage-failed.*cut short.*restore the folder from a backup/, 'verify', '--data', restored)
  await bad(1, /storage-failed.*cut short/, 'node', '--data', restored, '--listen', '127.0.0.1:0')
})
