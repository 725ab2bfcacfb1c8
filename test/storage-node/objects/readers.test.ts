import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextMoment } from 'node:timers/promises'
import { defineObject } from '../../../src/core/define.ts'
import { integer, object } from '../../../src/core/schema.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import type { Store } from '../../../src/storage-node/store/store.ts'
import { createHostOver } from '../host-over.ts'
import { remote } from '../support.ts'

/** Reads until that is refused. */
const reader = defineObject({
  name: 'reader',
  state: () => ({ rows: 0 }),
  schema: object({ rows: integer() }),
  methods: {
    add(self) {
      self.table<number>('rows').put(String(self.state.rows++), 1)
    },
  },
  readonly: {
    async readOn(self): Promise<never> {
      for (;;) {
        self.table('rows').entries()
        await nextMoment()
      }
    },
    async *stream(self): AsyncGenerator<number> {
      for (;;) {
        yield self.table('rows').entries().length
        await nextMoment()
      }
    },
    count: (self) => self.table('rows').entries().length,
  },
})

/** A store that counts the snapshots that are open. */
const counting = () => {
  const store = memoryStore()
  const open = { now: 0 }
  const snapshot: Store['snapshot'] = async () => {
    const made = await store.snapshot()
    open.now++
    return {
      ...made,
      done: () => {
        open.now--
        made.done()
      },
    }
  }
  return { store: { ...store, snapshot }, open }
}

test('a readonly method reads its snapshot for its time, with a stream and without, and then is told what to do', async () => {
  const { store, open } = counting()
  const host = createHostOver(store, [reader], undefined, undefined, { snapshotMs: 30 })
  const one = remote(host, reader, 'a')
  await one.add()
  const over = { code: 'deadline-exceeded', message: /for a minute at the most.*in pages/ }
  await assert.rejects(one.readOn(), over)
  await assert.rejects(async () => {
    for await (const count of one.stream()) assert.equal(count, 1)
  }, over)
  // Several that began at other times end one by one, and those that end by themselves end once.
  const several = Array.from({ length: 5 }, () => assert.rejects(one.readOn(), over))
  for (let call = 0; call < 50; call++) assert.equal(await one.count(), 1)
  await Promise.all(several)
  assert.equal(open.now, 0)
  await host.close()
})
