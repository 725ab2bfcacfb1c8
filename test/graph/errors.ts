import assert from 'node:assert/strict'
import { type Code, isActiveStorageError } from '../../src/core/errors.ts'

/** Runs what must fail with a code, and with a message that names these. */
export const fails = (what: () => unknown, code: Code, ...named: readonly (string | RegExp)[]): void => {
  assert.throws(what, (error) => {
    assert.ok(isActiveStorageError(error, code), `not ${code}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    for (const name of named)
      assert.match(error.message, typeof name === 'string' ? new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : name)
    return true
  })
}
