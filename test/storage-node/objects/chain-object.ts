import { defineObject } from '../../../src/core/define.ts'
import { ObjectRef } from '../../../src/core/object-ref.ts'
import { integer, list, object, string } from '../../../src/core/schema.ts'

/** Where a chain of calls goes: object by object, each with the site it lives on. */
export type Way = readonly (readonly [id: string, site: string])[]

/** An object whose methods call each other, and come back. */
export const chain = defineObject({
  name: 'chain',
  state: () => ({ count: 0, log: [] as string[] }),
  schema: object({ count: integer(), log: list(string()) }),
  methods: {
    add(self, amount: number): number {
      self.state.count += amount
      self.table<number>('rows').put(`at-${self.state.count}`, amount)
      return self.state.count
    },
    async addThenFail(self, amount: number): Promise<number> {
      self.state.count += amount
      self.table<number>('rows').put('half', amount)
      await new Promise((resolve) => setImmediate(resolve))
      throw new RangeError('changed its mind')
    },
    /** Adds one here, and goes on along the way. @returns the ids passed, deepest first */
    async along(self, way: Way): Promise<readonly string[]> {
      self.state.count++
      const [next, ...rest] = way
      if (next === undefined) return [self.id]
      const [id, site] = next
      return [...(await self.object(chain, new ObjectRef('chain', id, site)).along(rest)), self.id]
    },
    /** Changes itself, is changed by the call that comes back, and sees that. */
    async roundTrip(self, other: string, amount: number): Promise<readonly number[]> {
      self.state.count += 1
      const before = self.state.count
      await self.object(chain, other).callBack(self.id, amount)
      return [before, self.state.count]
    },
    async callBack(self, id: string, amount: number): Promise<number> {
      self.state.log.push('called back')
      return self.object(chain, id).add(amount) as Promise<number>
    },
    /** Survives that the call which came back failed. */
    async roundTripFailing(self, other: string): Promise<number> {
      self.state.count += 1
      await self
        .object(chain, other)
        .callBackFailing(self.id)
        .catch(() => undefined)
      return self.state.count
    },
    async callBackFailing(self, id: string): Promise<void> {
      await self.object(chain, id).addThenFail(100)
    },
    /** Many calls come back side by side. */
    async fanOut(self, others: readonly string[]): Promise<number> {
      await Promise.all(others.map((other) => self.object(chain, other).callBack(self.id, 1)))
      return self.state.count
    },
    /** Two calls come back side by side; one of them fails, and the turn goes on as if it did not mind. */
    async fanOutFailing(self, others: readonly [string, string]): Promise<number> {
      const [good, bad] = others
      await Promise.all([
        self.object(chain, good).callBack(self.id, 1),
        self
          .object(chain, bad)
          .callBackFailing(self.id)
          .catch(() => undefined),
      ])
      return self.state.count
    },
    /** Sees itself from outside, in its own turn. */
    async lookAtItself(self): Promise<number> {
      self.state.count += 5
      return self.object(chain, self.id).count() as Promise<number>
    },
    /** Steps of a stream, each a turn. */
    async *steps(self, many: number): AsyncGenerator<number> {
      for (let step = 0; step < many; step++) {
        self.state.count++
        yield self.state.count
      }
    },
  },
  readonly: {
    count: (self) => self.state.count,
    log: (self) => self.state.log,
    rows: (self) => self.table<number>('rows').entries({ limit: 10_000 }),
    /** Three calls of itself side by side: one changes something and fails, one changes something, one reads. */
    async sideBySide(self): Promise<readonly [string, number, number]> {
      const own = self.object(chain, self.id)
      return Promise.all([
        own.addThenFail(100).then(
          () => 'done',
          () => 'failed',
        ),
        own.add(2) as Promise<number>,
        own.count() as Promise<number>,
      ])
    },
    /** Reads the state and, a while later, all rows: both of one moment. */
    async slowRows(self, until: string): Promise<{ count: number; rows: number }> {
      await waits.get(until)
      return { count: self.state.count, rows: self.table<number>('rows').entries({ limit: 10_000 }).length }
    },
    async *slowStream(self): AsyncGenerator<number> {
      for (const [, amount] of self.table<number>('rows').entries({ limit: 10_000 })) yield amount
      yield self.table<number>('rows').entries({ limit: 10_000 }).length
    },
  },
})

/** What `slowRows` waits for, by name. */
export const waits = new Map<string, Promise<void>>()
