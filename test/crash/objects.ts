// The object types of the crash run: loaded by its nodes with --objects, and by its callers.
import { defineObject } from '../../src/core/define.ts'
import { contentRef, integer, list, nullable, number, object, string } from '../../src/core/schema.ts'
import { countingObject } from '../support/counting-object.ts'

export const counter = countingObject('crash-counter')

export const log = defineObject({
  name: 'crash-log',
  state: () => ({ items: [] }),
  schema: object({ items: list(string()) }),
  methods: {
    /** The item's place, from 1. */
    append(self, item: string) {
      return self.state.items.push(item)
    },
  },
  readonly: { read: (self) => self.state.items },
})

/** Appends to a log at node `two` by a call of its own. */
export const relay = defineObject({
  name: 'crash-relay',
  methods: {
    async append(self, id: string, item: string) {
      return self.object(log, id, { at: 'two' }).append(item)
    },
  },
})

export const register = defineObject({
  name: 'crash-register',
  state: () => ({ value: null }),
  schema: object({ value: nullable(string()) }),
  methods: {
    write(self, value: string) {
      self.state.value = value
      return null
    },
    compareAndSet(self, expected: string | null, value: string) {
      if (self.state.value !== expected) return false
      self.state.value = value
      return true
    },
    /** The same, but an answer that is an error where it does not set. */
    demand(self, expected: string | null, value: string) {
      if (self.state.value !== expected) throw new Error('it holds another value')
      self.state.value = value
      return true
    },
  },
  readonly: { read: (self) => self.state.value },
})

/** Bytes kept by content, and the tag of the call that kept them. */
export const blob = defineObject({
  name: 'crash-blob',
  state: () => ({ tag: null, ref: null }),
  schema: object({ tag: nullable(string()), ref: nullable(contentRef()) }),
  methods: {
    async keep(self, tag: string, bytes: Uint8Array) {
      const ref = await self.content.put(bytes)
      self.state = { tag, ref }
      return ref.hash
    },
  },
  readonly: {
    async read(self) {
      const { tag, ref } = self.state
      return { tag, bytes: ref === null ? null : await self.content.read(ref, self.signal) }
    },
  },
})

/** Amounts in a table, and their number and sum in the state: each call changes both, so they always agree. */
export const ledger = defineObject({
  name: 'crash-ledger',
  state: () => ({ count: 0, sum: 0 }),
  schema: object({ count: integer(), sum: number() }),
  methods: {
    post(self, key: string, amount: number) {
      // With the version, so that an entry made twice shows as two.
      self.table<number>('entries').put(`${key}@${self.version}`, amount)
      self.state.count++
      self.state.sum += amount
      return self.state.count
    },
    /** Takes an entry out again; false where there is none. */
    strike(self, key: string) {
      const entries = self.table<number>('entries')
      const [found] = entries.entries({ after: `${key}@`, limit: 1 })
      if (found?.[0].startsWith(`${key}@`) !== true) return false
      entries.delete(found[0])
      self.state.count--
      self.state.sum -= found[1]
      return true
    },
  },
  readonly: {
    read: (self) => ({ ...self.state, entries: self.table<number>('entries').entries() }),
  },
})
