import type { FindingKind } from '../workload.ts'

/**
 * Faults that are put into a node to show that a crash run finds them: which module a fault takes the place of, and
 * what must be found.
 */
export const mutants = {
  'no-record': {
    replaces: 'store/lmdb-store.ts',
    finds: 'doubled',
    about: 'the result of a call is not recorded under its idempotency key',
  },
  apart: { replaces: 'store/lmdb-store.ts', finds: 'torn', about: "an object's state is committed before its table and its record" },
  'in-place': { replaces: 'content/folder-content.ts', finds: 'torn', about: 'content is written under its final name, unsynced' },
  'ignored-error': {
    replaces: 'store/lmdb-store.ts',
    finds: 'lost',
    about: 'a call is answered although its commit failed, on a disk with errors',
  },
  'second-move': {
    replaces: 'objects/arrivals.ts',
    finds: 'torn',
    about: 'a second move of one name replaces the whole copy of the first, and a target confirms what it does not have',
  },
  'early-reply': { replaces: 'store/lmdb-store.ts', finds: 'lost', about: 'a call is answered before its commit' },
} as const satisfies Record<string, { readonly replaces: string; readonly finds: FindingKind; readonly about: string }>

export type Mutant = keyof typeof mutants
export const mutantNames = Object.keys(mutants) as Mutant[]

/** The mutant that this process, a node, is to be. */
export const ownMutant = (): Mutant => {
  const name = mutantNames.find((known) => known === process.env.CRASH_MUTANT)
  if (name === undefined) throw new Error(`CRASH_MUTANT ${process.env.CRASH_MUTANT}: use ${mutantNames.join(', ')}`)
  return name
}
