import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { defineObject, type ObjectType } from '../../../src/core/define.ts'
import { integer, nullable, object } from '../../../src/core/schema.ts'
import type { Self, SessionSelf } from '../../../src/core/self.ts'
import { trained, type Trained } from '../../../src/objects/trainer/spec.ts'
import { beginPlan, jobOf, turns, views } from '../../../src/objects/trainer/turns.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { remote } from '../../storage-node/support.ts'
import { spec } from './material.ts'

test('a run that fails while a checkpoint is on its way to the disk has failed, and keeps the checkpoint', async (t) => {
  const events: string[] = []
  const kept = new EventTarget()
  const failing = defineObject({
    name: 'failing',
    state: (): Trained => ({ file: null, inputs: [], spec, plan: null, status: 'new', run: 0, error: null, checkpoint: null, earlier: [] }), // prettier-ignore
    schema: object({ ...trained, plan: nullable(object({ epochs: integer() })) }),
    methods: {
      ...turns,
      async fit(self: Self<Trained>): Promise<number> {
        self.state.file = await self.content.put(new Uint8Array(1))
        return beginPlan(self, { epochs: 1 })
      },
      async checkpoint(...[self, ...given]: Parameters<typeof turns.checkpoint>) {
        kept.dispatchEvent(new Event('begun'))
        for (let i = 0; i < 50; i++) await turnOfTheLoop()
        const status = await turns.checkpoint(self, ...given)
        events.push('checkpoint')
        return status
      },
      fail(...[self, ...given]: Parameters<typeof turns.fail>) {
        events.push('fail')
        turns.fail(self, ...given)
      },
    },
    readonly: views,
    sessions: {
      async *run(self: SessionSelf<Trained>, run: number): AsyncGenerator<null> {
        yield* jobOf<null>(self, failing as ObjectType, run, async function* (recorder) {
          const begun = once(kept, 'begun')
          void recorder.checkpoint({ step: 4, epoch: 0, next: 4 }, new Map(), 1, [4, 3, 2, 1]).catch(() => undefined)
          await begun
          yield null
          throw new Error('the fifth batch is bad')
        })
      },
    },
  })
  const host = createLocalHost({ name: 'node', threads: 1, objects: [failing] })
  t.after(() => host.close())
  const main = remote(host, failing, 'main')
  const run = await main.fit()
  await assert.rejects(async () => {
    for await (const _ of main.run(run)) continue
  }, /the fifth batch is bad/)
  assert.deepEqual(events, ['checkpoint', 'fail'])
  const { status, step, error } = await main.status()
  assert.deepEqual({ status, step }, { status: 'failed', step: 4 })
  assert.match(error ?? '', /the fifth batch is bad/)
})
