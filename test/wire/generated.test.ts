import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadOptions } from '../../src/wire/protocol.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'scripts/generate-wire.mjs')

const textsBelow = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [path.slice(folder.length), readFileSync(path, 'utf8')]),
  )

test('the generated types are those of the proto file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'as-wire-'))
  t.after(() => rmSync(folder, { recursive: true }))
  execFileSync(process.execPath, [script, folder], { cwd: root })
  assert.deepStrictEqual(textsBelow(folder), textsBelow(join(root, 'src/wire/gen')))
})

test('the proto is loaded with the options that its types were generated for', () => {
  const source = readFileSync(script, 'utf8')
  const flags = Object.fromEntries(
    [...source.matchAll(/'--(longs|enums|defaults|oneofs|keepCase|bytes|arrays|objects|json)(?:=(\w+))?'/g)].map(([, name, value]) => [
      name,
      value ?? true,
    ]),
  )
  const asFlags = Object.fromEntries(
    Object.entries(loadOptions).map(([name, value]) => [name, typeof value === 'function' ? value.name : value]),
  )
  assert.deepStrictEqual(flags, asFlags)
})
