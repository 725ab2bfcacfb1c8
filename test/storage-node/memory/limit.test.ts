import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sizeOf } from '../../../src/commands/size.ts'
import { createStorageNode } from '../../../src/storage-node/node.ts'
import { defaultMemory, LEAST_MEMORY, machineMemory } from '../../../src/storage-node/memory/limit.ts'
import { planMemory } from '../../../src/storage-node/memory/node-memory.ts'
import { temporaryFolder } from '../support.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3

const filesWith = (t: TestContext, ...texts: readonly string[]) => {
  const folder = temporaryFolder(t)
  return texts.map((text, nth) => {
    const file = join(folder, `limit-${nth}`)
    writeFileSync(file, text)
    return file
  })
}

test('the smallest limit of the control groups counts, and the machine where none sets one', (t) => {
  const total = 8 * GIB
  assert.equal(machineMemory({ files: [], total }), total)
  assert.equal(machineMemory({ files: filesWith(t, `${2 * GIB}\n`, `${GIB}\n`), total }), GIB)
  assert.equal(machineMemory({ files: filesWith(t, 'max\n'), total }), total, 'version 2 without a limit')
  assert.equal(machineMemory({ files: filesWith(t, '9223372036854771712\n'), total }), total, 'version 1 without a limit')
  assert.equal(machineMemory({ files: ['/no/such/file', ...filesWith(t, '', 'nonsense', '-1')], total }), total)
})

test('a node takes three quarters of it where it is told nothing', (t) => {
  assert.equal(defaultMemory({ files: filesWith(t, String(GIB)), total: 8 * GIB }), 768 * MIB)
  assert.equal(defaultMemory({ files: [], total: 16 * MIB }), LEAST_MEMORY)
  assert.ok(defaultMemory() >= LEAST_MEMORY && Number.isSafeInteger(defaultMemory()))
})

test('the cache has at most a quarter of the limit, and 1 GiB', () => {
  assert.equal(planMemory(64 * MIB).cacheBytes, 16 * MIB)
  assert.equal(planMemory(64 * GIB).cacheBytes, GIB)
})

test('a size is a number with its unit, and anything else is refused with one that would do', () => {
  assert.equal(sizeOf('memory', undefined), undefined)
  assert.equal(sizeOf('memory', '64MiB'), 64 * MIB)
  assert.equal(sizeOf('memory', '1.5GiB'), 1.5 * GIB)
  const meant = {
    '': '512MiB',
    '64': '64MiB',
    MiB: '512MiB',
    '64 MiB': '64MiB',
    '64MB': '64MiB',
    '-1MiB': '512MiB',
    '0MiB': '512MiB',
    '1e3MiB': '512MiB',
    '64mib': '64MiB',
    '99999999999TiB': '512MiB',
    NaNGiB: '512MiB',
    '1GiBx': '512MiB',
  }
  for (const [wrong, right] of Object.entries(meant))
    assert.throws(
      () => sizeOf('memory', wrong),
      (error) =>
        error instanceof Error &&
        error.message.includes(`--memory ${wrong}: use a size with its unit, KiB, MiB, GiB, TiB, such as ${right}`),
    )
})

test('a limit below what a node needs to start is refused, by the command line too', async (t) => {
  const refused = { code: 'invalid-argument', message: /the least is 64MiB/ }
  assert.throws(() => planMemory(LEAST_MEMORY - 1), refused)
  await assert.rejects(createStorageNode({ data: temporaryFolder(t), memoryBytes: Number.NaN }), refused)
  const cli = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url))
  const run = spawnSync(process.execPath, ['--import', 'tsx', cli, 'node', '--data', temporaryFolder(t), '--memory', '10MiB'], {
    encoding: 'utf8',
  })
  assert.equal(run.status, 2)
  assert.match(run.stderr, /a memory limit of 10485760 bytes.*the least is 64MiB/)
})
