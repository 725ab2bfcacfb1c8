import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { typesFrom } from '../../src/commands/object-modules.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { temporaryFolder } from '../storage-node/support.ts'

const filesOf = (t: TestContext, files: Readonly<Record<string, string>>): string => {
  const folder = temporaryFolder(t)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const counter = `import { defineObject, schema, type Remote } from 'active-storage'
import { step } from './step.js'

interface State { total: number }
export const counter = defineObject({
  name: 'counter',
  state: (): State => ({ total: 0 }),
  schema: schema.object({ total: schema.number() }),
  methods: {
    add(self, by: number = step): number {
      return (self.state.total += by)
    },
  },
})
export type Counter = Remote<typeof counter>
`

test('object types are read from TypeScript, with what it imports, whatever the type of the package around it', async (t) => {
  const folder = filesOf(t, {
    'package.json': '{ "type": "commonjs" }',
    'counter.ts': counter,
    'step.ts': 'export const step: number = 2\n',
    'plain.mjs': "import { defineObject } from 'active-storage'\nexport const plain = defineObject({ name: 'plain', methods: {} })\n",
  })
  assert.deepEqual(
    (await typesFrom(join(folder, 'counter.ts'))).map(({ name }) => name),
    ['counter'],
  )
  assert.deepEqual(
    (await typesFrom(join(folder, 'plain.mjs'))).map(({ name }) => name),
    ['plain'],
  )
})

const mistakes = {
  'syntax.ts': ['const a: number = 1\nconst b: = 2\n', /syntax\.ts:2:10: /],
  'enum.ts': ['const a: number = 1\n\nexport enum Colour { red }\n', /enum\.ts:3:8: .*enum.*compile the module to JavaScript first/],
  'throws.ts': ['type A = string\nconst a: A = "x"\nexport const b = a.missing.name\n', /throws\.ts:3:28: /],
  'import.ts': ["import { connect, Client } from 'active-storage'\nexport const a: Client = connect\n", /Client.*import type/],
  'absent.ts': ["export * from './nowhere.ts'\n", /nowhere\.ts.*absent\.ts/],
  'name.ts': [
    "import { defineObject } from 'active-storage'\n\nexport const a = defineObject({ name: '', methods: {} })\n",
    /name\.ts:3:18: /,
  ],
  'none.ts': ['export const a: number = 1\n', /none\.ts exports no object type/],
} as const

test('a file that is not there is said to be missing, and no file of the package is named', async () => {
  await assert.rejects(typesFrom('nowhere/counter.ts'), (error) => {
    assert.ok(isActiveStorageError(error, 'invalid-argument'))
    assert.match(error.message, /nowhere\/counter\.ts: there is no such file in /)
    assert.doesNotMatch(error.message, /object-modules/)
    return true
  })
})

for (const [name, [text, expected]] of Object.entries(mistakes)) {
  test(`a mistake in ${name} is answered with its place and what to do`, async (t) => {
    const folder = filesOf(t, { 'package.json': '{ "type": "commonjs" }', [name]: text })
    await assert.rejects(typesFrom(join(folder, name)), (error) => {
      assert.ok(isActiveStorageError(error, 'invalid-argument'))
      assert.match(error.message, expected)
      return true
    })
  })
}
