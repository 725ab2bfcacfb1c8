import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ContentRef } from '../../../src/core/content.ts'
import type { Content } from '../../../src/core/self.ts'
import { adoptFiles, type AdoptOptions } from '../../../src/objects/dataset/adopt.ts'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { temporaryFolder } from '../../storage-node/support.ts'
import { npy } from './npys.ts'
import { end, entry } from './tars.ts'

const live = new AbortController().signal

/** An allowed folder, one outside, and content that does something between the check of a path and its use. */
const between = (t: TestContext, act: (path: string) => void) => {
  const base = temporaryFolder(t)
  const [allowed, outside] = [join(base, 'allowed'), join(base, 'outside')]
  for (const folder of [allowed, outside]) mkdirSync(folder)
  const store = folderContent(join(base, 'content'), memoryStore(), [allowed])
  const put: string[] = []
  const content: Content = {
    ...store,
    read: async (ref) => (await store.read(ref.hash)) ?? new Uint8Array(),
    keep: () => assert.fail('nothing is kept'),
    keepLarge: () => assert.fail('nothing is kept'),
    ensure: () => Promise.resolve(),
    put: async (bytes) => {
      put.push(Buffer.from(bytes).toString('latin1'))
      return new ContentRef(await store.put(bytes), bytes.byteLength, 'node')
    },
    adoptable: async (path) => {
      await store.adoptable(path)
      act(path)
    },
    withAdoptable: (path, work) =>
      store.withAdoptable(path, (file) => {
        act(path)
        return work(file)
      }),
    adopt: async (path) => {
      const { hash, bytes } = await store.adopt(path)
      return new ContentRef(hash, bytes, 'node')
    },
    adoptParts: async (file, parts, signal) =>
      (await store.adoptParts(file, parts, signal)).map((hash, at) => new ContentRef(hash, parts[at]!.bytes, 'node')),
  }
  return { allowed, outside, content, put }
}

/** A link takes the place of a path as soon as that is checked. */
const flipped = (
  name: string,
  inside: string | Buffer,
  secret: string | Buffer,
  options: AdoptOptions,
  beside: Record<string, string> = {},
) =>
  void test(`a link that replaces ${name} after the check leads nowhere`, async (t) => {
    let begun = false
    const { allowed, outside, content, put } = between(t, (path) => {
      if (!path.endsWith(name)) return
      begun = true
      rmSync(join(allowed, name))
      symlinkSync(join(outside, name), join(allowed, name))
    })
    for (const [file, text] of Object.entries(beside)) writeFileSync(join(allowed, file), text)
    writeFileSync(join(allowed, name), inside)
    writeFileSync(join(outside, name), secret)
    const path = options.format === 'graph' ? allowed : join(allowed, name)
    const made = await adoptFiles(path, options, [], content, live).catch((error: unknown) => error)
    assert.ok(begun)
    const held = JSON.stringify(made) + String(made) + put.join('\n')
    assert.doesNotMatch(held, /secret/, 'what lies outside')
    // What is read is the file that was checked, or nothing.
    if (!(made instanceof Error)) assert.match(held, /inside/)
    else assert.equal('code' in made && made.code, 'content-changed')
  })

flipped('a.csv', 'word\ninside\n', 'secret\nsecret\n', { text: 'word' })
flipped(
  'a.tar',
  Buffer.concat([entry('inside.png', Buffer.from('x')), end]),
  Buffer.concat([entry('secret.png', Buffer.from('x')), end]),
  {},
)
flipped('edges.tsv', 'a\tb\n1\t2\n', 'secret\tb\n1\tsecret\n', { format: 'graph' }, { 'nodes.tsv': 'inside\n1\n2\n' })

test('a link that replaces an array after the check leads nowhere', async (t) => {
  const { allowed, outside, content } = between(t, (path) => {
    rmSync(path)
    symlinkSync(join(outside, 'a.npy'), path)
  })
  writeFileSync(join(allowed, 'a.npy'), npy('|u1', '(2, 1)', Buffer.alloc(2)))
  writeFileSync(join(outside, 'a.npy'), npy('|u1', '(5, 1)', Buffer.alloc(5)))
  const made = await adoptFiles(join(allowed, 'a.npy'), {}, [], content, live).catch((error: unknown) => error)
  // The file has lost its name meanwhile, which its status tells too.
  assert.ok(made instanceof Error && 'code' in made && made.code === 'content-changed', String(made))
})

test('a folder that is replaced by a link after the check is not listed', async (t) => {
  const { allowed, outside, content } = between(t, (path) => {
    if (!path.endsWith('set')) return
    renameSync(path, `${path}-before`)
    symlinkSync(outside, path)
  })
  mkdirSync(join(allowed, 'set'))
  writeFileSync(join(allowed, 'set', 'a.png'), 'inside')
  writeFileSync(join(outside, 'secret.png'), 'secret')
  const made = await adoptFiles(join(allowed, 'set'), {}, [], content, live).catch((error: unknown) => error)
  assert.doesNotMatch(JSON.stringify(made) + String(made), /secret/)
})

for (const [name, text, options] of [
  ['a.csv', 'word\ninside\n', { text: 'word' }],
  ['a.tar', Buffer.concat([entry('inside.png', Buffer.from('x')), end]), {}],
  ['a.npy', npy('|u1', '(2, 1)', Buffer.alloc(2)), {}],
] as const)
  test(`${name} that is written to while it is read is content-changed`, async (t) => {
    const { allowed, content } = between(t, (path) => appendFileSync(path, '\0'))
    writeFileSync(join(allowed, name), text)
    await assert.rejects(adoptFiles(join(allowed, name), options, [], content, live), { code: 'content-changed', message: /again/ })
  })
