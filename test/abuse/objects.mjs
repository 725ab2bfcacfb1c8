// The types of the built product, for a node that is built: `busy` takes as long, and makes as much, as its caller says.
import { setTimeout as pause } from 'node:timers/promises'
// Not the package's entry, which has the client too: it would take memory that a node does not.
import { defineObject } from '../../dist/core/define.js'
import { integer, object } from '../../dist/core/schema.js'

const wait = async (self, ms) => {
  await pause(ms, undefined, { signal: self.signal })
  return null
}

export const busy = defineObject({
  name: 'busy',
  state: () => ({ bytes: 0 }),
  schema: object({ bytes: integer() }),
  methods: {
    hold: wait,
    put(self, bytes) {
      self.state.bytes += bytes.byteLength
      return self.state.bytes
    },
  },
  movable: {
    wait,
    make: (_self, bytes) => new Uint8Array(bytes).fill(1),
  },
})
