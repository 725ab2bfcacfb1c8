import { createHash } from 'node:crypto'
import { ContentRef } from '../../core/content.ts'
import { fromBytes } from '../../wire/stored.ts'
import { keyOf, type Write } from '../store/store.ts'
import { spacePrefix } from './record.ts'
import { referencesIn } from './references.ts'

/**
 * Who refers to what, kept in step with every commit: one entry for each reference that a state or a table entry holds.
 * So what nobody refers to is known without looking through everything.
 */
const USE = 'use'
export const contentTarget = (hash: string): string => keyOf(USE, 'content', hash)
export const objectTarget = (type: string, id: string): string => keyOf(USE, 'object', type, id)

/** The place of a reference: a record's, or that of a table entry, whose key may be too long to stand in another. */
export const recordPlace = (type: string, id: string): string => keyOf('record', type, id)
export const entryPlace = (key: string): string =>
  keyOf('entry', createHash('sha256').update(key, 'latin1').digest('base64url').slice(0, 24))

const THERE = Buffer.alloc(1)
// How references begin in a stored value: their extension type, and the list that follows it.
const MARKS = [Buffer.from('\u0002["'), Buffer.from('\u0004["')]

/** What a stored value refers to. */
export const targetsIn = (bytes: Buffer | undefined): ReadonlySet<string> => {
  if (bytes === undefined || !MARKS.some((mark) => bytes.includes(mark))) return new Set()
  const targets = new Set<string>()
  for (const ref of referencesIn(fromBytes(bytes))) {
    targets.add(ref instanceof ContentRef ? contentTarget(ref.hash) : objectTarget(ref.type, ref.id))
  }
  return targets
}

/** What changes when the value at a place does. */
export const usesChanged = (
  place: string,
  before: Buffer | undefined,
  after: Buffer | undefined,
): { writes: Write[]; dropped: string[] } => {
  const [old, now] = [targetsIn(before), targetsIn(after)]
  const dropped = [...old].filter((target) => !now.has(target))
  const added = [...now].filter((target) => !old.has(target))
  return {
    writes: [
      ...dropped.map((target) => ({ key: target + place, value: undefined })),
      ...added.map((target) => ({ key: target + place, value: THERE })),
    ],
    dropped,
  }
}

/** True for keys of table entries, which hold what objects made; others hold what hosts note. */
export const isEntryOf = (space: string, key: string): boolean => key.startsWith(spacePrefix(space))
