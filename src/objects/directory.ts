import { steadyNow } from '../core/clock.ts'
import { defineObject } from '../core/define.ts'
import { failure, failureWith } from '../core/errors.ts'
import { ObjectRef } from '../core/object-ref.ts'
import { boolean, integer, list, nullable, number, object, objectRef, optional, string, typed } from '../core/schema.ts'
import type { ReadonlyTable, Table } from '../core/self.ts'
import { nextSlice, sliceIsOver } from '../core/slices.ts'

/** What an alias stands for. */
export type Alias = {
  readonly target: ObjectRef
  /** Rises with every change of the alias; for compare-and-set. */
  readonly revision: number
  /** When it ends, in ms since 1970; absent: never. */
  readonly expires?: number
}
export type NamedAlias = Alias & { readonly name: string }

const ALIASES = 'aliases'
const COUNTER = 'counter'
const PAGE = 1000
/** Aliases read at once, within some ms. */
const SCAN = 250

const live = (table: ReadonlyTable<Alias>, name: string): Alias | undefined => {
  const alias: Alias | undefined = table.get(name)
  return alias === undefined || (alias.expires !== undefined && alias.expires <= steadyNow()) ? undefined : alias
}
/** A number that no change of an alias has had, so that a name made anew is never taken for the old one. */
const nextRevision = (table: Table<number>): number => {
  const revision = (table.get('revision') ?? 0) + 1
  table.put('revision', revision)
  return revision
}

/** The revision that the caller expects: 0 for none. */
const check = (name: string, alias: Alias | undefined, expected: number | undefined) => {
  const actual = alias?.revision ?? 0
  if (expected !== undefined && expected !== actual)
    throw failureWith('version-mismatch', `alias "${name}" is at revision ${actual}, the caller expected ${expected}`, { actual })
}

const aliasSchema = typed<NamedAlias>(object({ name: string(), target: objectRef(), revision: integer(), expires: optional(number()) }))
const name = string({ minLength: 1, maxLength: 512 })
const expectation = object({ expected: optional(integer({ minimum: 0 })) })

/**
 * The built-in `directory` object, `main` on every site: names for objects. One turn changes one or two of them, so a
 * rename is one change, and compare-and-set holds.
 */
export const directory = defineObject({
  name: 'directory',
  methods: {
    /**
     * Lets a name stand for an object. `expected` is the revision that it must have now, 0 for a name that must be free.
     * @throws `version-mismatch` with the actual revision
     */
    set(self, alias: string, target: ObjectRef, options: { expected?: number; ttlMs?: number } = {}): NamedAlias {
      const table = self.table<Alias>(ALIASES)
      check(alias, live(table, alias), options.expected)
      const revision = nextRevision(self.table<number>(COUNTER))
      const made: Alias = { target, revision, ...(options.ttlMs !== undefined && { expires: steadyNow() + options.ttlMs }) }
      table.put(alias, made)
      return { name: alias, ...made }
    },
    /** Gives an object's name up. @returns whether it was there */
    remove(self, alias: string, options: { expected?: number } = {}): boolean {
      const table = self.table<Alias>(ALIASES)
      const now = live(table, alias)
      check(alias, now, options.expected)
      table.delete(alias)
      return now !== undefined
    },
    /** Gives the object another name: both changes or neither. @throws `not-found`, `already-exists` */
    rename(self, from: string, to: string): NamedAlias {
      const table = self.table<Alias>(ALIASES)
      const now = live(table, from)
      if (now === undefined) throw failure('not-found', `there is no alias "${from}"`)
      if (from !== to && live(table, to) !== undefined)
        throw failure('already-exists', `alias "${to}" stands for another object: remove it first`)
      const revision = nextRevision(self.table<number>(COUNTER))
      table.delete(from)
      table.put(to, { ...now, revision })
      return { name: to, ...now, revision }
    },
    /** Deletes aliases whose time is over: a reader takes them for gone already. @returns how many */
    async sweep(self): Promise<number> {
      const table = self.table<Alias>(ALIASES)
      let gone = 0
      for (let after: string | undefined; ;) {
        const page = table.entries({ ...(after !== undefined && { after }), limit: SCAN })
        if (sliceIsOver()) await nextSlice()
        for (const [key] of page) {
          if (live(table, key) !== undefined) continue
          table.delete(key)
          gone++
        }
        after = page.at(-1)?.[0]
        if (page.length < SCAN) return gone
      }
    },
  },
  readonly: {
    /** What a name stands for; null where it stands for nothing. */
    get(self, alias: string): NamedAlias | null {
      const found = live(self.table<Alias>(ALIASES), alias)
      return found === undefined ? null : { name: alias, ...found }
    },
    /** Aliases in the order of their names (by UTF-8 bytes), from after `after`; at most 1,000. */
    async list(self, range: { after?: string; limit?: number } = {}): Promise<readonly NamedAlias[]> {
      const table = self.table<Alias>(ALIASES)
      const limit = Math.min(PAGE, Math.max(1, Math.trunc(range.limit ?? PAGE)))
      const found: NamedAlias[] = []
      for (let after = range.after; ;) {
        const page = table.entries({ ...(after !== undefined && { after }), limit: SCAN })
        if (sliceIsOver()) await nextSlice()
        for (const [key] of page) {
          const alias = live(table, key)
          // What has expired takes no place in the page: it would hide what comes after it.
          if (alias !== undefined && found.push({ name: key, ...alias }) === limit) return found
        }
        after = page.at(-1)?.[0]
        if (page.length < SCAN) return found
      }
    },
  },
  arguments: {
    set: [
      name,
      objectRef(),
      optional(object({ expected: optional(integer({ minimum: 0 })), ttlMs: optional(number({ exclusiveMinimum: 0 })) })),
    ],
    remove: [name, optional(expectation)],
    rename: [name, name],
    sweep: [],
    get: [name],
    list: [optional(object({ after: optional(string()), limit: optional(integer({ minimum: 1 })) }))],
  },
  results: {
    set: aliasSchema,
    remove: boolean(),
    rename: aliasSchema,
    sweep: integer(),
    get: nullable(aliasSchema),
    list: list(aliasSchema),
  },
})
