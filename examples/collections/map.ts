import { defineObject, schema, type Schema, type Value } from 'active-storage'
import { LONGEST_PAGE, pageLength } from './page.ts'

const { boolean, integer, list, object, optional, string, tuple } = schema

const ENTRIES = 'entries'
const key = string({ minLength: 1, maxLength: 256 })
const size = integer({ minimum: 0 })

/**
 * A type of persistent maps from text to values that satisfy a schema. The entries lie in a table, in the order of
 * their keys (by UTF-8 bytes), so that a page can begin after any key, whether it is there or not.
 */
export const mapOf = <const Name extends string, Held extends Value>(name: Name, values: Schema<Held>) => {
  // In an object of its own: a value may be undefined, which a table takes for no entry.
  type Row = { readonly value: Held }
  return defineObject({
    name,
    state: () => ({ size: 0 }),
    schema: object({ size }),
    methods: {
      /** Sets the value of a key. Returns whether the key is new. */
      put(self, at: string, value: Held): boolean {
        const table = self.table<Row>(ENTRIES)
        const isNew = table.get(at) === undefined
        table.put(at, { value })
        if (isNew) self.state.size++
        return isNew
      },
      /** Removes a key. Returns whether it was there. */
      delete(self, at: string): boolean {
        const table = self.table<Row>(ENTRIES)
        if (table.get(at) === undefined) return false
        table.delete(at)
        self.state.size--
        return true
      },
    },
    readonly: {
      size: (self): number => self.state.size,
      has: (self, at: string): boolean => self.table<Row>(ENTRIES).get(at) !== undefined,
      /** The value of a key; undefined where there is none. */
      get: (self, at: string): Held | undefined => self.table<Row>(ENTRIES).get(at)?.value,
      /** Entries in the order of their keys, from after key `after`. */
      page: (self, { after, limit = LONGEST_PAGE }: { after?: string; limit?: number } = {}): [string, Held][] =>
        self
          .table<Row>(ENTRIES)
          .entries({ ...(after !== undefined && { after }), limit })
          .map(([at, { value }]) => [at, value]),
    },
    arguments: {
      put: [key, values],
      delete: [key],
      size: [],
      has: [key],
      get: [key],
      page: [optional(object({ after: optional(key), limit: optional(pageLength) }))],
    },
    results: { put: boolean(), delete: boolean(), size, has: boolean(), page: list(tuple([key, values])) },
  })
}

/** A map to whatever can be stored. */
export const map = mapOf('map', schema.value())
