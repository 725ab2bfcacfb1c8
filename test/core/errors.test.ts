import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorsDocument } from '../../scripts/errors-doc.ts'
import { abortedBy, ActiveStorageError, codes, failure, failureWith, isActiveStorageError, toFailure } from '../../src/core/errors.ts'

const document = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const documented = [...document.matchAll(/^\| `([a-z-]+)`/gm)].map(([, code]) => code)

test('docs/errors.md lists every code, and no other', () => {
  assert.deepEqual(documented, Object.keys(codes))
})

test('docs/errors.md is what `npm run docs:errors` writes', () => {
  assert.equal(document, errorsDocument())
})

test('the message begins with the code, and the text is what follows', () => {
  const error = failure('not-found', 'no sample "a"')
  assert.equal(error.message, '[not-found] no sample "a"')
  assert.equal(error.text, 'no sample "a"')
  assert.equal(error.name, 'ActiveStorageError')
  assert.ok(error instanceof Error)
})

test('a text is bounded, and keeps its end, which says what to do', () => {
  const text = `no column "${'\u{1f4be}'.repeat(100_000)}": name another`
  const error = failure('invalid-argument', text)
  assert.ok(error.text.length <= 8000, `${error.text.length} characters`)
  assert.ok(error.text.startsWith('no column "\u{1f4be}'))
  assert.ok(error.text.endsWith('": name another'))
  assert.ok(!/\p{Surrogate}/u.test(error.text))
  const known = error.at({ site: 'here' })
  assert.equal(known.text, error.text)
  assert.equal(failure('internal', 'x'.repeat(8000)).text.length, 8000)
})

test('the guard knows our errors, by code too, and nothing else', () => {
  const error: unknown = failureWith('overloaded', 'full', { retryAfterMs: 50 })
  assert.ok(isActiveStorageError(error))
  assert.ok(isActiveStorageError(error, 'overloaded'))
  assert.equal(error.details.retryAfterMs, 50)
  assert.ok(!isActiveStorageError(error, 'unavailable'))
  for (const other of [new Error('x'), null, undefined, 'x', { code: 'overloaded' }]) assert.ok(!isActiveStorageError(other))
})

test('an error of another installed copy of the package is known', () => {
  const copy = { [Symbol.for('active-storage.error')]: true, code: 'fenced' }
  assert.ok(isActiveStorageError(copy, 'fenced'))
})

test('`at` adds what is not yet known of the origin, and keeps the rest', () => {
  const cause = new Error('disk')
  const inner = failure('storage-failed', 'no space', cause).at({ site: 'edge-7' })
  const outer = inner.at({ site: 'cloud', method: 'tag' })
  assert.deepEqual(outer.origin, { site: 'edge-7', method: 'tag' })
  assert.equal(outer.message, inner.message)
  assert.equal(outer.cause, cause)
  assert.equal(outer.stack, inner.stack)
  assert.deepEqual(inner.origin, { site: 'edge-7' })
})

test('any thrown value becomes an error of ours, with the value as its cause', () => {
  const own = failure('fenced', 'late')
  assert.equal(toFailure(own), own)
  const thrown = new TypeError('x is undefined')
  const made = toFailure(thrown, 'method-threw')
  assert.equal(made.message, '[method-threw] TypeError: x is undefined')
  assert.equal(made.cause, thrown)
  for (const odd of ['text', 7, null, undefined, Symbol('s'), Object.create(null)]) {
    const error = toFailure(odd)
    assert.equal(error.code, 'internal')
    assert.match(error.message, /a value that is no Error was thrown: /)
  }
})

test('the error of a fired signal is its own reason, the deadline or the cancellation', () => {
  const own = failure('unavailable', 'stopping')
  assert.equal(abortedBy(AbortSignal.abort(own)), own)
  assert.equal(abortedBy(AbortSignal.abort(new DOMException('late', 'TimeoutError'))).code, 'deadline-exceeded')
  assert.equal(abortedBy(AbortSignal.abort()).code, 'cancelled')
  assert.equal(abortedBy(AbortSignal.abort('whim')).code, 'cancelled')
})

test('an error without details carries undefined there', () => {
  const error = new ActiveStorageError('internal', 'x', undefined)
  assert.equal(error.details, undefined)
  assert.equal(error.cause, undefined)
  assert.ok(!('cause' in error))
})
