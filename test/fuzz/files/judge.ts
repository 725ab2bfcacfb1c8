import { isActiveStorageError } from '../../../src/core/errors.ts'
import type { Outcome } from './format.ts'

const MOST_TEXT = 8100
/** Texts that tell of a value that was taken for granted. */
const CARELESS =
  /\[object |\bundefined\b|Cannot read propert|is not a function|is not iterable|Invalid (array|typed array) length|Maximum call stack/

export type Judged = Pick<Outcome, 'kind' | 'says' | 'code'>

/** Whether what was thrown is an error of ours that says what it should. @param names what its text has to name */
export const judge = (error: unknown, names?: string): Judged => {
  if (!isActiveStorageError(error))
    return { kind: 'untyped', says: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  const { code, message } = error
  if (code === 'internal' || code === 'method-threw') return { kind: 'untyped', code, says: `${message}\n${error.stack ?? ''}` }
  const says = message
  if (message.length > MOST_TEXT) return { kind: 'text', code, says: `a text of ${message.length} characters: ${says.slice(0, 300)}` }
  if (CARELESS.test(message)) return { kind: 'text', code, says: `a careless text: ${says}` }
  if (names !== undefined && !message.includes(names)) return { kind: 'text', code, says: `a text that does not name ${names}: ${says}` }
  return { kind: 'error', code, says }
}
