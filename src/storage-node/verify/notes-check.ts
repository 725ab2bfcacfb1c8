import { decodeMoved } from '../objects/moves.ts'
import { checkRow } from '../objects/recorded-results.ts'
import { partsOf } from '../store/store.ts'
import { type FindingKind, reasonOf } from './findings.ts'
import { rowsOf } from './rows.ts'
import type { Verification } from './verify.ts'

interface Family {
  readonly kind: FindingKind
  readonly check: (bytes: Buffer) => unknown
}

const move = (bytes: Buffer) => {
  if (decodeMoved(bytes) === undefined) throw new Error('the note does not say where the object goes')
}
const over = (bytes: Buffer) => {
  if (bytes.byteLength !== 8 || !Number.isFinite(bytes.readDoubleBE())) throw new Error('the note does not say when the move was over')
}
const json = (bytes: Buffer): unknown => JSON.parse(bytes.toString('utf8'))
const known: Family = { kind: 'unknown-key', check: () => undefined }

/** What stands in a store, by the first part of its key. */
const families: Readonly<Record<string, Family>> = {
  result: { kind: 'result', check: checkRow },
  leaving: { kind: 'move', check: move },
  moved: { kind: 'move', check: move },
  arrived: { kind: 'move', check: over },
  discarded: { kind: 'move', check: over },
  declaration: { kind: 'note', check: json },
  adopted: { kind: 'adopted', check: json },
  // These have been looked at with the objects.
  ...Object.fromEntries(
    ['object', 'table', 'space', 'use', 'arriving', 'arriving-content', 'format', 'probe', 'site-name'].map((first) => [first, known]),
  ),
}

/** Recorded results, moves, declarations and notes of adopted files; and what no version so far has written. */
export const checkNotes = async ({ store, counts, found, tell }: Verification): Promise<void> => {
  for await (const [key, bytes] of rowsOf(store, '')) {
    const [first = '', ...rest] = partsOf(key)
    const place = [first, ...rest].join(' ')
    const family = Object.hasOwn(families, first) ? families[first] : undefined
    if (first === 'result') counts.results++
    tell()
    if (family === undefined) {
      found('unknown-key', place, `no such key is known, of ${bytes.byteLength} bytes`)
      continue
    }
    try {
      family.check(bytes)
    } catch (error) {
      found(family.kind, place, reasonOf(error))
    }
  }
}
