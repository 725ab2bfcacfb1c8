import { defineObject, schema } from 'active-storage'

const { integer, object, optional } = schema

/** Up to where a number counts without gaps: the schema keeps a counter from ever losing one. */
const exact = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }

/** A number that many callers raise and lower. */
export const counter = defineObject({
  name: 'counter',
  state: () => ({ value: 0 }),
  schema: object({ value: integer(exact) }),
  methods: {
    /** Adds `by`, which may be negative. Returns the value after it. */
    increment(self, by: number = 1): number {
      return (self.state.value += by)
    },
  },
  readonly: {
    value: (self): number => self.state.value,
  },
  arguments: { increment: [optional(integer(exact))], value: [] },
  results: { increment: integer(), value: integer() },
})
