import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentRef } from '../../src/core/content.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { callId, contentHash, LOCAL, newCallId, objectId, siteName, typeName } from '../../src/core/ids.ts'

const refused = (error: unknown) => isActiveStorageError(error, 'invalid-argument')
const hash = '0123456789abcdef'.repeat(4)

test('a name of 1 to 128 plain characters is taken as it is', () => {
  for (const name of ['a', '7', 'train', 'edge-7.example_2', 'x'.repeat(128)]) {
    for (const take of [typeName, objectId, siteName]) assert.equal(take(name), name)
  }
  assert.equal(siteName(LOCAL), 'local')
})

test('a name that a key, a path or a metric could misread is refused', () => {
  const bad = [
    '',
    '.',
    '..',
    '.hidden',
    '-rf',
    '_a',
    'a/b',
    'a\\b',
    'a b',
    'a\n',
    'a\0',
    'a:b',
    'é',
    'x'.repeat(129),
    7,
    null,
    undefined,
    ['a'],
  ]
  for (const name of bad) {
    for (const take of [typeName, objectId, siteName]) assert.throws(() => take(name), refused, JSON.stringify(name))
  }
})

test('the error shows what was given, shortened, and the rule', () => {
  assert.throws(() => objectId('a/b'), /"a\/b" is not a valid object name: use 1 to 128 letters/)
  assert.throws(
    () => objectId('/'.repeat(10_000)),
    (error: Error) => error.message.length < 300,
  )
})

test('a content hash is 64 lower-case hexadecimal digits', () => {
  assert.equal(contentHash(hash), hash)
  for (const bad of [hash.toUpperCase(), hash.slice(1), `${hash}0`, `${hash}\n`, `g${hash.slice(1)}`])
    assert.throws(() => contentHash(bad), refused)
})

test('new call ids are valid and differ', () => {
  const ids = Array.from({ length: 10_000 }, newCallId)
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids.slice(-10)) assert.equal(callId(id), id)
})

test('a content reference checks its hash, its size and its home', () => {
  const ref = new ContentRef(hash, 0, 'edge-7')
  assert.deepEqual([ref.hash, ref.bytes, ref.home], [hash, 0, 'edge-7'])
  for (const bytes of [-1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => new ContentRef(hash, bytes, 'edge-7'), refused)
  assert.throws(() => new ContentRef(hash, 1, 'http://elsewhere'), refused)
  assert.throws(() => new ContentRef('x', 1, 'edge-7'), refused)
})
