import { createHash } from 'node:crypto'
import { ContentRef } from '../../core/content.ts'
import { fromBytes, holdsReferences } from '../../wire/stored.ts'
import { keyOf, type Write } from '../store/store.ts'
import type { StoredState } from './record.ts'
import { referencesIn } from './references.ts'

/**
 * Who refers to what, kept in step with every commit: one entry for each reference that a state or a table entry holds.
 * So what nobody refers to is known without looking through everything.
 */
const USE = 'use'
const CONTENT = keyOf(USE, 'content')
export const contentTarget = (hash: string): string => keyOf(USE, 'content', hash)
export const objectTarget = (type: string, id: string): string => keyOf(USE, 'object', type, id)

/** The place of a reference: a record's, or that of a table entry, whose key may be too long to stand in another. */
export const recordPlace = (type: string, id: string): string => keyOf('record', type, id)
export const entryPlace = (key: string): string =>
  keyOf('entry', createHash('sha256').update(key, 'latin1').digest('base64url').slice(0, 24))
/** Of content that has come with an object which is still on its way. */
export const arrivingPlace = (type: string, id: string): string => keyOf('arriving', type, id)

const THERE = Buffer.alloc(1)
export const used = (target: string, place: string): Write => ({ key: target + place, value: THERE })
export const unused = (target: string, place: string): Write => ({ key: target + place, value: undefined })

export type Targets = ReadonlySet<string>
const NONE: Targets = new Set()

/** What a stored value refers to. */
export const targetsIn = (bytes: Buffer | undefined): Targets => {
  if (bytes === undefined || !holdsReferences(bytes)) return NONE
  const targets = new Set<string>()
  for (const ref of referencesIn(fromBytes(bytes))) {
    targets.add(ref instanceof ContentRef ? contentTarget(ref.hash) : objectTarget(ref.type, ref.id))
  }
  return targets
}
/** What an object's state refers to, and where it lies itself. */
export const targetsOfState = (state: StoredState, bytes: Buffer): Targets =>
  state instanceof ContentRef ? new Set([contentTarget(state.hash), ...targetsIn(bytes)]) : targetsIn(bytes)

/** What changes when the references at a place do. */
export const usesChanged = (place: string, before: Targets, after: Targets): readonly Write[] =>
  before.size + after.size === 0
    ? []
    : [
        ...[...before].filter((target) => !after.has(target)).map((target) => unused(target, place)),
        ...[...after].filter((target) => !before.has(target)).map((target) => used(target, place)),
      ]
/** The same for a table entry. */
export const entryUses = (key: string, before: Buffer | undefined, after: Buffer | undefined): readonly Write[] => {
  const [old, now] = [targetsIn(before), targetsIn(after)]
  return old.size + now.size === 0 ? [] : usesChanged(entryPlace(key), old, now)
}

/** The hashes of content that these writes let go of. */
export const letGo = (writes: readonly Write[]): readonly string[] => {
  return writes.flatMap(({ key, value }) =>
    value === undefined && key.startsWith(CONTENT) ? [key.slice(CONTENT.length, CONTENT.length + 64)] : [],
  )
}
