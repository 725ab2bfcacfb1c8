import { defineObject, schema } from 'active-storage'

export const counter = defineObject({
  name: 'counter',
  state: () => ({ total: 0 }),
  schema: schema.object({ total: schema.number() }),
  methods: {
    add(self, by) {
      return (self.state.total += by)
    },
  },
})
