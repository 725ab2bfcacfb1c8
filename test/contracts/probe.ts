import { defineObject } from '../../src/core/define.ts'
import { integer, list, object, string } from '../../src/core/schema.ts'
import { failure, failureWith, isActiveStorageError } from '../../src/core/errors.ts'
import type { Value } from '../../src/core/value.ts'
import { deferred } from '../storage-node/support.ts'

/**
 * Makes a call that runs out of time, with ever more of it, until its method has begun before that: however long a busy machine
 * takes to bring it there.
 * @param call gives up by itself after so many ms
 */
export const outOfTime = async (
  { waiting }: { readonly waiting: { readonly promise: Promise<void> } },
  call: (ms: number) => Promise<unknown>,
) => {
  for (let ms = 40; ; ms *= 2) {
    await call(ms)
    const begun = waiting.promise.then(() => true)
    if (await Promise.race([begun, new Promise<false>((resolve) => setImmediate(() => resolve(false)))])) return
  }
}

/** An object type that does what a test needs, and tells what happened to it. */
export const createProbe = () => {
  const seen = { produced: 0, ended: deferred(), aborted: deferred<string>(), waiting: deferred(), opened: deferred(), ran: 0 }

  const untilAborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      const stop = () => {
        seen.aborted.resolve(isActiveStorageError(signal.reason) ? signal.reason.code : 'another reason')
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      }
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
      seen.waiting.resolve()
    })

  const type = defineObject({
    name: 'probe',
    state: () => ({ count: 0, notes: [] }),
    schema: object({ count: integer(), notes: list(string()) }),
    methods: {
      add(self, amount: number): number {
        seen.ran++
        self.state.count += amount
        return self.state.count
      },
      /** Reads, lets every other call go on, then writes: two at once would lose one. */
      async slowAdd(self, amount: number): Promise<number> {
        const before = self.state.count
        await new Promise((resolve) => setImmediate(resolve))
        self.state.count = before + amount
        return self.state.count
      },
      addThenFail(self, amount: number): number {
        self.state.count += amount
        self.table<number>('rows').put('half', amount)
        throw new RangeError('changed its mind')
      },
      put(self, key: string, value: Value): void {
        self.table('rows').put(key, value)
      },
      remove(self, key: string): void {
        self.table('rows').delete(key)
      },
      async addGated(self, amount: number): Promise<number> {
        seen.waiting.resolve()
        await seen.opened.promise
        self.state.count += amount
        return self.state.count
      },
      waitInTurn: (self): Promise<null> => untilAborted(self.signal),
      /** Calls an object of this very type from within the turn. */
      async addVia(self, id: string, amount: number): Promise<number> {
        return self.object(type, id).add(amount) as Promise<number>
      },
      async waitVia(self, id: string): Promise<null> {
        await (self.object(type, id).waitInTurn() as Promise<null>)
        return null
      },
    },
    readonly: {
      count: (self) => self.state.count,
      version: (self) => self.version,
      rows: (self) => self.table('rows').entries(),
      async *counts(self, times: number): AsyncGenerator<number> {
        for (let i = 0; i < times; i++) yield self.state.count
      },
    },
    movable: {
      echo: (_self, ...values: Value[]): readonly Value[] => values,
      nothing(): void {
        seen.ran++
      },
      boom(): null {
        throw new TypeError('out of luck')
      },
      refuse(_self, code: string): null {
        if (code === 'overloaded') throw failureWith('overloaded', 'busy', { retryAfterMs: 40 })
        if (code === 'missing-inputs')
          throw failureWith('missing-inputs', 'lacks', { hashes: Array.from({ length: 64 }, () => 'ab'.repeat(32)) })
        throw failure('bad-sample', 'sample "x" is no image')
      },
      wait: (self): Promise<null> => untilAborted(self.signal),
      async gated(): Promise<string> {
        seen.waiting.resolve()
        await seen.opened.promise
        return 'finished'
      },
      async *numbers(_self, count: number): AsyncGenerator<number> {
        for (let i = 0; i < count; i++) yield i
      },
      async *failAfter(_self, count: number): AsyncGenerator<number> {
        for (let i = 0; i < count; i++) yield i
        throw failure('bad-sample', `after ${count}`)
      },
      async *waitAfterOne(self): AsyncGenerator<number> {
        yield 1
        await untilAborted(self.signal)
      },
      async *blocks(_self, count: number, bytes: number): AsyncGenerator<Uint8Array> {
        try {
          for (let i = 0; i < count; i++) {
            seen.produced++
            yield new Uint8Array(bytes).fill(i)
          }
        } finally {
          seen.ended.resolve()
        }
      },
    },
  })
  return { type, seen }
}
