// Loaded by node processes with --objects, and by the load that calls them.
import type { ContentRef } from '../../src/core/content.ts'
import { defineObject } from '../../src/core/define.ts'
import { integer, object } from '../../src/core/schema.ts'
import { countingObject } from '../support/counting-object.ts'

export const loadCounter = countingObject('load-counter')

/** Entries in a table, and their number in the state: each call changes both, so they always agree. */
export const loadLog = defineObject({
  name: 'load-log',
  state: () => ({ count: 0 }),
  schema: object({ count: integer() }),
  methods: {
    append(self, item: Uint8Array) {
      self.table<Uint8Array>('items').put(String(self.state.count).padStart(8, '0'), item)
      return ++self.state.count
    },
  },
  readonly: {
    read: (self) => ({
      count: self.state.count,
      items: self
        .table<Uint8Array>('items')
        .entries({ limit: 100_000 })
        .map(([, item]) => item[0] ?? -1),
    }),
  },
})

/** Content by reference, one after the other in a table. */
export const loadBlobs = defineObject({
  name: 'load-blobs',
  state: () => ({ count: 0 }),
  schema: object({ count: integer() }),
  methods: {
    async keep(self, bytes: Uint8Array) {
      const ref = await self.content.put(bytes)
      self.table<ContentRef>('blobs').put(String(self.state.count).padStart(8, '0'), ref)
      return ++self.state.count
    },
  },
  readonly: {
    count: (self) => self.state.count,
    async read(self, index: number) {
      const ref = self.table<ContentRef>('blobs').get(String(index).padStart(8, '0'))
      return ref === undefined ? new Uint8Array() : self.content.read(ref, self.signal)
    },
  },
})
