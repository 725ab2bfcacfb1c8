// Loaded by node processes with --objects.
import { EventEmitter, once } from 'node:events'
import { defineObject } from '../../src/core/define.ts'

const events = new EventEmitter()
let begun = 0

/** Calls that are in the middle for as long as a test likes. */
export const waiting = defineObject({
  name: 'waiting',
  movable: {
    nothing: (): null => null,
    /** Answers when its caller gives it up. */
    async hold(self): Promise<null> {
      begun++
      events.emit('begun')
      await new Promise<void>((resolve) => self.signal.addEventListener('abort', () => resolve(), { once: true }))
      return null
    },
    /** Answers when as many calls of `hold` have begun. */
    async held(_self, count: number): Promise<number> {
      while (begun < count) await once(events, 'begun')
      return begun
    },
    async *holdAfterOne(self): AsyncGenerator<number> {
      yield 1
      await new Promise<void>((resolve) => self.signal.addEventListener('abort', () => resolve(), { once: true }))
    },
    size: (_self, bytes: Uint8Array): number => bytes.byteLength,
  },
})
