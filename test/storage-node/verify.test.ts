import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, after, describe, test } from 'node:test'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { withCall } from '../../src/core/remote.ts'
import { connect } from '../../src/sdk/connect.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { createStorageNode } from '../../src/storage-node/node.ts'
import { lmdbStore } from '../../src/storage-node/store/lmdb-store.ts'
import { keyOf, type Store, type Write } from '../../src/storage-node/store/store.ts'
import type { FindingKind } from '../../src/storage-node/verify/findings.ts'
import { verifyStore } from '../../src/storage-node/verify/verify.ts'
import { toBytes } from '../../src/wire/stored.ts'
import { failing } from '../contracts/transport.ts'
import { keepsake } from './fixtures/keepsake.ts'

/** A key and value of the store under a prefix. */
const row = (store: Store, ...prefix: string[]) => {
  const [found] = store.range(keyOf(...prefix), { limit: 1 })
  assert.ok(found !== undefined, prefix.join('/'))
  return { key: found[0], value: found[1] }
}
const cut = ({ key, value }: { key: string; value: Buffer }): Write => ({ key, value: value.subarray(0, value.byteLength - 3) })
const gone = ({ key }: { key: string }): Write => ({ key, value: undefined })
const files = (data: string) =>
  readdirSync(join(data, 'content'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
const fileOf = (data: string, bytes: number) => files(data).find((path) => readFileSync(path).byteLength === bytes) ?? assert.fail()
const flip = (path: string) => {
  const bytes = readFileSync(path)
  bytes[bytes.byteLength >> 1]! ^= 1
  writeFileSync(path, bytes)
}

const PICTURE = 1234
const BLOB = 100_000

/** What is done to a sound store, and what is found then: a kind and a place for each problem. */
const damages: readonly {
  readonly title: string
  readonly writes?: (store: Store) => readonly Write[]
  readonly act?: (data: string, photos: string) => void
  readonly finds: readonly (readonly [FindingKind, RegExp])[]
}[] = [
  {
    title: 'a flipped bit in a file of content',
    act: (data) => flip(fileOf(data, PICTURE)),
    finds: [['damaged-content', /^content [0-9a-f]{64}$/]],
  },
  {
    title: 'content that is not there',
    act: (data) => rmSync(fileOf(data, PICTURE)),
    finds: [['missing-content', /^keepsake\/first$/]],
  },
  {
    title: 'content under another hash',
    act: (data) => {
      const path = fileOf(data, PICTURE)
      renameSync(
        path,
        path.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      )
    },
    finds: [
      ['missing-content', /^keepsake\/first$/],
      ['damaged-content', /^content/],
    ],
  },
  {
    title: 'a large state whose bytes are damaged',
    act: (data) => flip(files(data).find((path) => readFileSync(path).byteLength > BLOB) ?? assert.fail()),
    finds: [
      ['record', /^keepsake\/second$/],
      ['damaged-content', /^content/],
    ],
  },
  {
    title: 'a large state whose bytes are not there',
    act: (data) => rmSync(files(data).find((path) => readFileSync(path).byteLength > BLOB) ?? assert.fail()),
    finds: [['missing-content', /^keepsake\/second$/]],
  },
  {
    title: 'a record that has been cut short',
    writes: (store) => [cut(row(store, 'object', 'keepsake', 'plain'))],
    finds: [
      ['record', /^keepsake\/plain$/],
      ['lost-entry', /^entry "row 1" of table "rows" of space /],
    ],
  },
  {
    title: 'a record that has been lost',
    writes: (store) => [gone(row(store, 'object', 'keepsake', 'plain'))],
    finds: [['lost-entry', /^entry "row 1" of table "rows" of space /]],
  },
  {
    title: 'a record that names the tables of another object',
    writes: (store) => [{ key: keyOf('object', 'keepsake', 'twin'), value: row(store, 'object', 'keepsake', 'plain').value }],
    finds: [['record', /^keepsake\/twin$/]],
  },
  {
    title: 'a table entry that has been cut short',
    writes: (store) => [cut(row(store, 'table'))],
    finds: [['entry', /^entry ".*" of table ".*" of (keepsake|dataset)\//]],
  },
  {
    title: 'a table entry in no space',
    writes: () => [{ key: keyOf('table', 'nowhere', 'rows', 'x'), value: toBytes('x') }],
    finds: [['lost-entry', /^entry "x" of table "rows" of space nowhere$/]],
  },
  {
    title: 'a recorded result that has been cut short',
    writes: (store) => [cut(row(store, 'result', 'keepsake', 'first', 'key'))],
    finds: [['result', /^result keepsake first key$/]],
  },
  {
    title: 'a reference that is not noted',
    writes: (store) => [gone(row(store, 'use', 'content'))],
    finds: [['missing-use', /^(keepsake|dataset)\/|^entry /]],
  },
  {
    title: 'a note of a reference that there is not',
    writes: () => [{ key: keyOf('use', 'object', 'keepsake', 'x', 'record', 'keepsake', 'y'), value: Buffer.alloc(1) }],
    finds: [['extra-use', /./]],
  },
  {
    title: 'a move that cannot be read',
    writes: (store) => [{ ...row(store, 'moved'), value: Buffer.from('nonsense') }],
    finds: [['move', /^moved keepsake gone$/]],
  },
  {
    title: 'a move that does not say where to',
    writes: () => [{ key: keyOf('leaving', 'keepsake', 'plain', 'm1'), value: toBytes('x') }],
    finds: [['move', /^leaving keepsake plain m1$/]],
  },
  {
    title: 'an object on its way here that cannot be read',
    writes: () => [{ key: keyOf('arriving', 'keepsake', 'late'), value: Buffer.from('nonsense') }],
    finds: [['move', /^keepsake\/late, on its way here$/]],
  },
  {
    title: 'a declaration that cannot be read',
    writes: (store) => [cut(row(store, 'declaration', 'keepsake'))],
    finds: [['note', /^declaration keepsake$/]],
  },
  {
    title: 'a key that no version has written',
    writes: () => [{ key: keyOf('novelty', 'x'), value: Buffer.alloc(3) }],
    finds: [['unknown-key', /^novelty x$/]],
  },
  {
    title: 'an adopted file that has changed',
    act: (_, photos) => flip(join(photos, 'a.png')),
    finds: [['adopted', /^content [0-9a-f]{64}$/]],
  },
  {
    title: 'an adopted file that is not there',
    act: (_, photos) => rmSync(join(photos, 'a.png')),
    finds: [['adopted', /^content [0-9a-f]{64}$/]],
  },
]

describe('verify', () => {
  const base = mkdtempSync(join(tmpdir(), 'as-test-'))
  const [data, other, photos] = [join(base, 'data'), join(base, 'other'), join(base, 'photos')]
  after(() => rmSync(base, { recursive: true, force: true }))

  before(async () => {
    mkdirSync(photos)
    writeFileSync(join(photos, 'a.png'), 'adopted where it lies')
    const far = await createStorageNode({ data: other, name: 'far', listen: '127.0.0.1:0', threads: 1, objects: [keepsake] })
    const node = await createStorageNode({
      data,
      name: 'edge',
      listen: '127.0.0.1:0',
      threads: 1,
      objects: [keepsake],
      adopt: [photos],
      peers: { far: far.address },
    })
    const client = await connect({ node: node.address, cloud: far.address })
    const first = client.object(keepsake, 'first')
    await withCall(first, { idempotencyKey: 'key' }).note('one')
    await first.paint(Buffer.alloc(PICTURE, 3))
    await first.befriend('second')
    await client.object(keepsake, 'second').setBlob(Buffer.alloc(BLOB, 7))
    await client.object(keepsake, 'plain').note('plain')
    await client.object(keepsake, 'gone').paint(Buffer.from('a picture that moves along'))
    await client.objects.move(keepsake, 'gone', 'far')
    await client.object(keepsake, 'deleted').note('for a while')
    await client.objects.delete(keepsake, 'deleted')
    await client.object(dataset, 'photos').adopt(photos, {})
    await client.object(dataset, 'photos').put([{ id: 'b', bytes: Buffer.from('put here') }])
    await client.close()
    await node.close()
    await far.close()
  })

  test('a sound store has no problems, and all of it is looked at', async () => {
    const told: number[] = []
    const { counts, problems, found } = await verifyStore(data, { name: 'edge', onProgress: ({ entries }) => void told.push(entries) })
    assert.deepEqual([problems, found], [[], {}])
    assert.equal(counts.objects, 4)
    assert.ok(counts.entries >= 4 && counts.results >= 1 && counts.references >= 4, JSON.stringify(counts))
    assert.deepEqual([counts.contents, counts.adopted], [4, 1])
    assert.equal(told.at(-1), counts.entries)
    assert.deepEqual((await verifyStore(other, { name: 'far' })).problems, [])
  })

  for (const { title, writes, act, finds } of damages) {
    test(`${title} is found and named`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'as-test-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      cpSync(base, folder, { recursive: true, preserveTimestamps: true })
      const damaged = join(folder, 'data')
      const store = await lmdbStore(join(damaged, 'store'))
      // The copy has adopted its own copy of the file.
      const note = row(store, 'adopted')
      await store.commit([{ key: note.key, value: Buffer.from(note.value.toString().replaceAll(base, folder)) }])
      if (writes !== undefined) await store.commit(writes(store))
      await store.close()
      act?.(damaged, join(folder, 'photos'))

      const { problems } = await verifyStore(damaged, { name: 'edge' })
      assert.deepEqual(
        problems.map(({ kind }) => kind),
        finds.map(([kind]) => kind),
        JSON.stringify(problems, null, 2),
      )
      for (const [index, [, place]] of finds.entries()) assert.match(problems[index]?.place ?? '', place)
      for (const { what, remedy } of problems) assert.ok(what !== '' && remedy !== '')
    })
  }

  test('content at home on another site has to be here only where no name is given', async () => {
    assert.deepEqual((await verifyStore(data, { name: 'another' })).problems, [])
    const folder = mkdtempSync(join(tmpdir(), 'as-test-'))
    cpSync(data, folder, { recursive: true })
    rmSync(fileOf(folder, PICTURE))
    assert.deepEqual((await verifyStore(folder, { name: 'another' })).problems, [])
    assert.deepEqual((await verifyStore(folder)).found, { 'missing-content': 1 })
    rmSync(folder, { recursive: true })
  })

  test('a folder that a node has open is refused, and so is one without a store', async () => {
    const node = await createStorageNode({ data, name: 'edge', listen: '127.0.0.1:0', threads: 1, objects: [keepsake] })
    await failing(verifyStore(data), 'folder-in-use')
    await node.close()
    await failing(verifyStore(join(base, 'nothing')), 'not-found')
    assert.deepEqual((await verifyStore(data)).problems, [])
  })
})
