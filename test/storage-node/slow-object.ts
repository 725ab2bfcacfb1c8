// Loaded by node processes with --objects.
import { defineObject } from '../../src/core/define.ts'

/** A movable call that takes a while, for tests of how a node stops; the first item tells that it runs. */
export const slow = defineObject({
  name: 'slow',
  movable: {
    async *work(self, ms: number): AsyncGenerator<string> {
      yield 'begun'
      await new Promise<void>((resolve) => {
        setTimeout(resolve, ms)
        self.signal.addEventListener('abort', () => resolve())
      })
      yield self.signal.aborted ? 'given up' : 'finished'
    },
  },
})
