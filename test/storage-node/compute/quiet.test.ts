import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support.ts'

test('running a model writes nothing to the home folder, stdout or stderr, even where the environment does not forbid it', (t) => {
  const home = temporaryFolder(t)
  const { ORT_DISABLE_TELEMETRY: _, ...rest } = process.env
  const env = { ...rest, HOME: home, XDG_CACHE_HOME: `${home}/cache` }
  const ran = spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('quiet.ts', import.meta.url))], {
    env,
    encoding: 'utf8',
  })
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, '', ''])
  assert.deepEqual(readdirSync(home), [])
})
