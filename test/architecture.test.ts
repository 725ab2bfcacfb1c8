import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** A file imports its own layer, or one to its left. */
const layers = [
  'core',
  'wire',
  'link',
  'graph',
  'training',
  'objects',
  'policy',
  'storage-node',
  'sdk',
  'commands',
  'index.ts, cli.ts',
] as const
const TOP = layers.length - 1

// Static, re-exporting and dynamic imports, and files named by URL.
const IMPORTS = /\b(?:(import|export)\s+(type\s)?(?:[\w$*{][^'"`;()]*?\bfrom\s*)?|import\(\s*|new URL\(\s*)['"](\.[^'"]+)['"]/g

const rankOf = (path: string): number => {
  const [folder = '', ...below] = path.split('/')
  if (below.length === 0) return folder === 'index.ts' || folder === 'cli.ts' ? TOP : -1
  return layers.findIndex((layer) => layer === folder)
}

/** What breaks the order, one line each, in files given as path below src/ and text. */
const breaches = (files: Iterable<readonly [path: string, text: string]>): string[] =>
  [...files].flatMap(([path, text]) => {
    const own = rankOf(path)
    if (own < 0) return [`${path} stands in no layer`]
    return [...text.matchAll(IMPORTS)].flatMap(([statement, , type, to = '']) => {
      const target = posix.join(posix.dirname(path), to)
      if (target.startsWith('../') && statement.startsWith('new URL')) return []
      const other = rankOf(target)
      const allowed =
        layers[own] === 'policy'
          ? ['core', 'policy', ...(type ? ['objects'] : [])].includes(layers[other] ?? '')
          : other >= 0 && other <= own
      return allowed ? [] : [`${path} imports ${target}`]
    })
  })

const src = fileURLToPath(new URL('../src/', import.meta.url))
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => [path, readFileSync(src + path, 'utf8')] as const)

test('every import in src/ goes to its own layer or to one on its left', () => {
  assert.ok(sources.length > 10)
  assert.deepEqual(breaches(sources), [])
})

test('a forbidden import is named, however it is written', () => {
  const guilty = {
    'core/a.ts': "import { b } from '../wire/b.ts'",
    'core/b.ts': "import {\n  type B,\n} from '../sdk/b.ts'",
    'core/c.ts': "import type { C } from '../link/c.ts'",
    'core/d.ts': "export * from '../objects/d.ts'",
    'wire/e.ts': "const e = await import('../storage-node/e.ts')",
    'link/f.ts': "new Worker(new URL('../storage-node/f.ts', import.meta.url))",
    'link/g.ts': "import '../index.ts'",
    'policy/h.ts': "import { h } from '../objects/h.ts'",
    'policy/i.ts': "import type { I } from '../wire/i.ts'",
    'sdk/j.ts': "import { j } from '../../test/j.ts'",
  }
  const lines = breaches(Object.entries(guilty))
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    Object.keys(guilty),
  )
  assert.equal(lines[0], 'core/a.ts imports wire/b.ts')
  assert.deepEqual(
    breaches([
      ['stray.ts', ''],
      ['odd/a.ts', ''],
    ]),
    ['stray.ts stands in no layer', 'odd/a.ts stands in no layer'],
  )
})

test('imports to the left, and types of objects in policy, are allowed', () => {
  const innocent = {
    'core/a.ts': "import { b } from './b.ts'\nimport { types } from 'node:util'",
    'wire/b.ts': "new URL('../../proto/x.proto', import.meta.url)",
    'policy/c.ts': "import type { C } from '../objects/c.ts'\nexport type { D } from '../core/d.ts'",
    'sdk/d.ts': "import { d } from '../storage-node/d.ts'",
    'cli.ts': "import { run } from './commands/run.ts'",
  }
  assert.deepEqual(breaches(Object.entries(innocent)), [])
})

test('there is no `any` outside generated code', () => {
  const found = sources
    .filter(([path]) => !path.startsWith('wire/gen/'))
    .flatMap(([path, text]) => {
      const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      return [...code.matchAll(/(?::\s*|\bas\s+|<)any\b/g)].map(([token]) => `${path}: ${token}`)
    })
  assert.deepEqual(found, [])
})
