import { defineObject, schema, type Remote } from 'active-storage'

interface State {
  total: number
}

export const counter = defineObject({
  name: 'counter',
  state: (): State => ({ total: 0 }),
  schema: schema.object({ total: schema.number() }),
  methods: {
    add(self, by: number): number {
      return (self.state.total += by)
    },
  },
})
export type Counter = Remote<typeof counter>
