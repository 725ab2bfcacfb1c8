// Object types with state. Plain JavaScript over the built package, since a built node loads it.
import { defineObject, schema } from '../../dist/index.js'

export const counter = defineObject({
  name: 'bench-counter',
  state: () => ({ count: 0 }),
  schema: schema.object({ count: schema.integer() }),
  methods: {
    add: (self) => {
      self.state.count++
      return self.state.count
    },
  },
  readonly: { count: (self) => self.state.count },
})

/** Bytes that a caller gives it, under a number of the caller's. */
export const block = defineObject({
  name: 'bench-block',
  state: () => ({ stamp: 0, data: new Uint8Array() }),
  schema: schema.object({ stamp: schema.integer(), data: schema.bytes() }),
  methods: {
    set: (self, stamp, data) => {
      self.state = { stamp, data }
    },
  },
  readonly: { get: (self) => self.state },
})
