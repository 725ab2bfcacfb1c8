/** What can be wrong with a store, and what to do about it. */
export const remedies = {
  record: 'the object cannot be read: restore the folder from a backup, or delete the object and make it anew',
  state: 'the object cannot be read: restore the folder from a backup, or delete the object and make it anew',
  entry: 'its object fails where it reads this entry: restore the folder from a backup, or have the object write the entry again',
  'lost-entry': 'nothing reads it, and nothing clears it away: tell the makers how it came about, and restore the folder from a backup',
  result: 'a repeated call with this idempotency key fails: restore the folder from a backup, or wait until the result expires',
  'damaged-content': 'put the same bytes again, which replaces the file, or copy it from a backup',
  'missing-content':
    'put the same bytes again, adopt the file again, or copy it from a backup; where its home is another site, verify with --name NAME of this one',
  adopted: 'adopt the folder again, or put the file back as it was',
  'missing-use': 'the content could be collected while it is in use: do not run gc here, and restore the folder from a backup',
  'extra-use': 'what they name is never collected, and nothing else comes of it',
  move: 'the move cannot be ended by itself: restore the folders of both sites from backups, or report it',
  note: 'restore the folder from a backup',
  'unknown-key': 'a later version may have written it: verify with that one',
} as const

export type FindingKind = keyof typeof remedies

export interface Finding {
  readonly kind: FindingKind
  /** The object, entry, file or key. */
  readonly place: string
  readonly what: string
  readonly remedy: string
}

/** A list of more helps nobody. */
const LISTED = 1000

export const findings = () => {
  const list: Finding[] = []
  const byKind: Partial<Record<FindingKind, number>> = {}
  return {
    list,
    byKind,
    add(kind: FindingKind, place: string, what: string): void {
      byKind[kind] = (byKind[kind] ?? 0) + 1
      if (list.length < LISTED) list.push({ kind, place, what, remedy: remedies[kind] })
    },
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
