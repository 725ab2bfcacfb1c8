import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { startNodeProcess } from './node-process.ts'
import { run } from './store/disks.ts'
import { linkTo, remote, temporaryFolder } from './support.ts'

test('a node that has no file descriptors left at the first use of an object refuses that call, and serves the next', async (t) => {
  const adopt = temporaryFolder(t)
  writeFileSync(join(adopt, 'a.png'), Buffer.alloc(100, 1))
  const node = await startNodeProcess(t, ['--data', temporaryFolder(t), '--adopt', adopt])
  const set = remote(linkTo(t, node.address), dataset, 'd')
  // The connection is there before.
  await set.put([{ id: 'kept', bytes: Buffer.from('kept') }])
  const { pid } = node.child
  const limit = (soft: string) => run('prlimit', `--pid=${pid}`, `--nofile=${soft}:`)
  /** The limit is on the numbers of descriptors: none is free below the first that is not in use. */
  const firstFree = () => {
    const used = new Set(readdirSync(`/proc/${pid}/fd`))
    for (let number = 0; ; number++) if (!used.has(`${number}`)) return number
  }
  const before = /nofile\s.*?(\d+)\s+(\d+)/i.exec(
    run('prlimit', `--pid=${pid}`, '--nofile', '--noheadings', '-o', 'RESOURCE,SOFT,HARD').stdout ?? '',
  )?.[1]
  if (before === undefined || limit(`${firstFree()}`).status !== 0) return t.skip('prlimit is absent or not permitted here')
  // Refused for its folder, which cannot be read now; a module that is missing would be an error of the method.
  await assert.rejects(set.adopt(adopt), (error) => isActiveStorageError(error) && !isActiveStorageError(error, 'method-threw'))
  limit(before)
  assert.equal((await set.adopt(adopt)).added, 1)
  return undefined
})
