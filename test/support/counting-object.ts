import { defineObject } from '../../src/core/define.ts'
import { integer, object } from '../../src/core/schema.ts'

/** An object type that counts: `add` adds one and answers the new value. */
export const countingObject = <N extends string>(name: N) =>
  defineObject({
    name,
    state: () => ({ value: 0 }),
    schema: object({ value: integer() }),
    methods: {
      add(self) {
        return ++self.state.value
      },
    },
    readonly: { read: (self) => self.state.value },
  })
