import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureWith } from '../../src/core/errors.ts'
import { newCallId, objectId, typeName } from '../../src/core/ids.ts'
import type { Call, Transport } from '../../src/core/transport.ts'
import { createFollowing } from '../../src/link/following.ts'

const call: Call = {
  type: typeName('counter'),
  object: objectId('x'),
  method: 'count',
  kind: 'readonly',
  args: [],
  context: { callId: newCallId(), chain: [] },
}

/** A site that counts its calls: it answers with its name, or with where the object has gone. */
const siteOf = (name: string, movedTo?: string): Transport & { calls: number } => {
  const answer = () => {
    site.calls++
    if (movedTo !== undefined) throw failureWith('moved', `it has moved to ${movedTo}`, { site: movedTo })
    return name
  }
  const site = {
    calls: 0,
    call: () => Promise.resolve().then(answer),
    async *stream() {
      yield answer()
    },
    close: () => Promise.resolve(),
  }
  return site
}

test('an object that has moved is followed, and found at once by the next call', async () => {
  const [a, c] = [siteOf('a', 'c'), siteOf('c')]
  const sites = new Map<string, Transport>([
    ['a', a],
    ['c', c],
  ])
  const following = createFollowing((name) => sites.get(name))
  assert.equal(await following.from(a).call(call), 'c')
  assert.equal(await following.from(a).call(call), 'c')
  assert.deepEqual([a.calls, c.calls], [1, 2])
})

test('where an object of one site has gone says nothing of another site that has one of that name', async () => {
  const [a, b, c] = [siteOf('a', 'c'), siteOf('b'), siteOf('c')]
  const sites = new Map<string, Transport>([
    ['a', a],
    ['b', b],
    ['c', c],
  ])
  const following = createFollowing((name) => sites.get(name))
  assert.equal(await following.from(a).call(call), 'c')
  assert.equal(await following.from(b).call(call), 'b')
  const items: unknown[] = []
  for await (const item of following.from(b).stream(call)) items.push(item)
  assert.deepEqual(items, ['b'])
})
