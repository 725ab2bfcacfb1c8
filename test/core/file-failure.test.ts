import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileFailure } from '../../src/core/file-failure.ts'

const of = (code: string) => Object.assign(new Error(`${code}: text of the system`), { code })

test('why a file cannot be read is said with its path and what to do, without the text of the system', () => {
  const said = (code: string) => {
    const { code: kind, text } = fileFailure('a b/net.onnx', of(code))
    assert.ok(text.startsWith('a b/net.onnx'), text)
    return [kind, text.includes('text of the system')]
  }
  assert.deepEqual(said('ENOENT'), ['not-found', false])
  assert.deepEqual(said('ENOTDIR'), ['not-found', false])
  assert.deepEqual(said('EISDIR'), ['invalid-argument', false])
  assert.deepEqual(said('EACCES'), ['permission-denied', false])
  assert.deepEqual(said('ERR_FS_FILE_TOO_LARGE'), ['too-large', false])
  assert.deepEqual(said('EIO'), ['not-found', true])
  assert.equal(fileFailure('x', 'odd').text, 'x cannot be read: odd')
})
