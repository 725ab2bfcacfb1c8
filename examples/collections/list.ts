import { ActiveStorageError, defineObject, schema, type Schema, type Value } from 'active-storage'
import { LONGEST_PAGE, pageLength } from './page.ts'

const { integer, list: listSchema, object, optional } = schema

const ITEMS = 'items'
const index = integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
// Table keys are ordered as text: with zeros in front, numbers are in order too.
const keyOf = (at: number): string => String(at).padStart(16, '0')

/**
 * A type of persistent lists whose items satisfy a schema. The items lie in a table: an append costs the same however
 * long the list is, and no call reads more of it than it asks for.
 */
export const listOf = <const Name extends string, Item extends Value>(name: Name, items: Schema<Item>) =>
  defineObject({
    name,
    state: () => ({ length: 0 }),
    schema: object({ length: index }),
    methods: {
      /** Adds an item at the end. Returns its index. */
      append(self, item: Item): number {
        self.table<Item>(ITEMS).put(keyOf(self.state.length), item)
        return self.state.length++
      },
      /** Puts another item where there is one. */
      set(self, at: number, item: Item): void {
        if (at >= self.state.length) throw new ActiveStorageError('not-found', `the list has no index ${at}: append to it`, undefined)
        self.table<Item>(ITEMS).put(keyOf(at), item)
      },
      /** Takes the last item away and returns it; undefined where there is none. */
      removeLast(self): Item | undefined {
        if (self.state.length === 0) return undefined
        const table = self.table<Item>(ITEMS)
        const last = keyOf(--self.state.length)
        const item = table.get(last)
        table.delete(last)
        return item
      },
    },
    readonly: {
      length: (self): number => self.state.length,
      /** The item at an index; undefined beyond the end. */
      get: (self, at: number): Item | undefined => self.table<Item>(ITEMS).get(keyOf(at)),
      /** Items in order, from index `from` (default 0). */
      page: (self, { from = 0, limit = LONGEST_PAGE }: { from?: number; limit?: number } = {}): Item[] =>
        self
          .table<Item>(ITEMS)
          .entries({ ...(from > 0 && { after: keyOf(from - 1) }), limit })
          .map(([, item]) => item),
    },
    arguments: {
      append: [items],
      set: [index, items],
      removeLast: [],
      length: [],
      get: [index],
      page: [optional(object({ from: optional(index), limit: optional(pageLength) }))],
    },
    results: { append: index, length: index, page: listSchema(items) },
  })

/** A list of whatever can be stored. */
export const list = listOf('list', schema.value())
