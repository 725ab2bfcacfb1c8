// Loaded by node processes with --objects.
import { defineObject } from '../../src/core/define.ts'
import { integer, object } from '../../src/core/schema.ts'
import type { Tensor } from '../../src/core/tensor.ts'

/** What well-formed callers use meanwhile: no mutated call bears its name. */
export const canary = defineObject({
  name: 'canary',
  state: () => ({ count: 0 }),
  schema: object({ count: integer() }),
  methods: {
    add(self, amount: number): number {
      self.state.count += amount
      return self.state.count
    },
  },
  movable: {
    echo: (_self, tensor: Tensor): Tensor => tensor,
  },
})
