import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { ActiveStorageError, type Code, codes, failure, failureWith, isActiveStorageError } from '../../src/core/errors.ts'
import { failureOf, statusOf } from '../../src/wire/failure.ts'
import { protocol, trailers } from '../../src/wire/protocol.ts'

const isCode = (text: string): text is Code => Object.hasOwn(codes, text)

const made = (code: Code): ActiveStorageError => {
  switch (code) {
    case 'overloaded':
    case 'resource-exhausted':
      return failureWith(code, 'text', { retryAfterMs: 12.5 })
    case 'missing-inputs':
      return failureWith(code, 'text', { hashes: ['ab'.repeat(32), 'cd'.repeat(32)] })
    case 'version-mismatch':
      return failureWith(code, 'text', { actual: 2 ** 40 })
    case 'moved':
      return failureWith(code, 'text', { site: 'fog-2' })
    default:
      return failure(code, 'text with ünïcode and a "quote"')
  }
}
/** The error as a client of grpc-js sees it. */
const asSeen = (thrown: unknown): ServiceError => {
  const { code = status.UNKNOWN, details = '', metadata = new Metadata() } = statusOf(thrown, new Metadata())
  return Object.assign(new Error(details), { code, details, metadata })
}
const origin = { object: 'photos/a', method: 'tag', site: 'edge-7', callId: 'abcdefgh-1' }

for (const code of Object.keys(codes).filter(isCode)) {
  test(`${code} comes back with its text, details and origin, under its status`, () => {
    const error = made(code).at(origin)
    const seen = asSeen(error)
    assert.equal(seen.code, status[codes[code].status])
    assert.match(seen.details, new RegExp(`^\\[${code}\\]`))
    const back = failureOf(seen)
    assert.equal(back.code, code)
    assert.equal(back.message, error.message)
    assert.deepStrictEqual(back.details, error.details)
    assert.deepStrictEqual(back.origin, origin)
  })
}

test('an origin that is not known stays unknown', () => {
  assert.deepStrictEqual(failureOf(asSeen(failure('not-found', 'x'))).origin, {})
})

test('anything thrown that is not ours arrives as internal', () => {
  for (const thrown of [new TypeError('broken'), 'text', undefined, Object.create(null)])
    assert.equal(failureOf(asSeen(thrown)).code, 'internal')
})

test('a code of a later version arrives as internal that names it', () => {
  const metadata = new Metadata()
  metadata.set(trailers.failure, protocol.Failure.serialize({ code: 'brand-new', message: 'what it says' }))
  const back = failureOf(Object.assign(new Error('x'), { code: status.UNKNOWN, details: 'x', metadata }))
  assert.equal(back.code, 'internal')
  assert.match(back.message, /brand-new: what it says/)
})

test('a status without a failure of ours has a code of its own', () => {
  const expected: readonly (readonly [status, Code])[] = [
    [status.CANCELLED, 'unavailable'],
    [status.DEADLINE_EXCEEDED, 'deadline-exceeded'],
    [status.RESOURCE_EXHAUSTED, 'too-large'],
    [status.UNIMPLEMENTED, 'unsupported'],
    [status.UNAVAILABLE, 'unavailable'],
    [status.INTERNAL, 'unavailable'],
    [status.UNKNOWN, 'unavailable'],
  ]
  for (const [code, ours] of expected) {
    assert.equal(failureOf(Object.assign(new Error('x'), { code, details: 'x', metadata: new Metadata() })).code, ours)
  }
})

test('a trailer that is no failure falls back to the status', () => {
  const metadata = new Metadata()
  metadata.set(trailers.failure, Buffer.from([0xff, 0xff, 0xff]))
  assert.equal(failureOf(Object.assign(new Error('x'), { code: status.UNAVAILABLE, details: 'x', metadata })).code, 'unavailable')
})

test('very long texts are cut, so that the trailers stay within what HTTP/2 takes', () => {
  const seen = asSeen(failure('method-threw', 'x'.repeat(1_000_000)))
  assert.ok(seen.details.length <= 1024)
  const [bytes] = seen.metadata.get(trailers.failure)
  assert.ok(bytes instanceof Buffer && bytes.length < 9000)
  assert.ok(isActiveStorageError(failureOf(seen), 'method-threw'))
})
