import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expectTypeOf } from 'expect-type'
import { counter, list, map } from '../../examples/collections/index.ts'
import { listOf } from '../../examples/collections/list.ts'
import { mapOf } from '../../examples/collections/map.ts'
import { connect, inProcessNode, type Remote, schema, type Transport, type Value } from '../../src/index.ts'
import { createStorageNode } from '../../src/storage-node/node.ts'
import { failing } from '../contracts/transport.ts'
import { remote, temporaryFolder } from '../storage-node/support.ts'
import { startNodeProcess, temporaryFolder as folderOfAProcess } from '../support/node-process.ts'

const scores = listOf('scores', schema.integer({ minimum: 0 }))
const prices = mapOf('prices', schema.number())
const objects = [counter, list, map, scores, prices]

const item: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value[]>(null, undefined, '', 0, true, 'text', 5n, new Date(0)),
  fc.record({ nested: fc.array(fc.nat(9), { maxLength: 3 }) }, { noNullPrototype: true }),
)

describe('collections', () => {
  let host: Transport
  let objectsMade = 0
  before(async () => void (host = await inProcessNode({ name: 'edge', objects })))
  after(() => host.close())
  const fresh = () => `object-${objectsMade++}`

  test('a list is an array: append, set, get, remove the last, page', async () => {
    type Step = (model: Value[], real: Remote<typeof list>) => Promise<void>
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 3,
        arbitrary: item.map(
          (value): Step =>
            async (model, real) =>
              assert.equal(await real.append(value), model.push(value) - 1),
        ),
      },
      fc.tuple(fc.nat(12), item).map(([at, value]): Step => async (model, real) => {
        if (at >= model.length) return void (await failing(real.set(at, value), 'not-found'))
        await real.set(at, value)
        model[at] = value
      }),
      fc.nat(12).map(
        (at): Step =>
          async (model, real) =>
            assert.deepEqual(await real.get(at), model[at]),
      ),
      fc.constant<Step>(async (model, real) => assert.deepEqual(await real.removeLast(), model.pop())),
      fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 5 })).map(
        ([from, limit]): Step =>
          async (model, real) =>
            assert.deepEqual(await real.page({ from, limit }), model.slice(from, from + limit)),
      ),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const real = remote(host, list, fresh())
        const model = [null] as Value[]
        await real.append(null)
        for (const take of steps) await take(model, real)
        assert.equal(await real.length(), model.length)
        assert.deepEqual(await real.page(), model)
      }),
      { numRuns: 60 },
    )
  })

  test('a map is a Map whose pages are in the order of its keys', async () => {
    type Step = (model: Map<string, Value>, real: Remote<typeof map>) => Promise<void>
    const key = fc.constantFrom('a', 'b', 'ab', 'ÿ', '🐟', '�', '0', '10', '9')
    const inOrder = (model: Map<string, Value>) => [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.tuple(key, item).map(([at, value]): Step => async (model, real) => {
          assert.equal(await real.put(at, value), !model.has(at))
          model.set(at, value)
        }),
      },
      key.map(
        (at): Step =>
          async (model, real) =>
            assert.equal(await real.delete(at), model.delete(at)),
      ),
      key.map((at): Step => async (model, real) => {
        assert.deepEqual(await real.get(at), model.get(at))
        assert.equal(await real.has(at), model.has(at))
      }),
      fc.tuple(key, fc.integer({ min: 1, max: 4 })).map(([after, limit]): Step => async (model, real) => {
        const later = inOrder(model).filter(([at]) => Buffer.compare(Buffer.from(at), Buffer.from(after)) > 0)
        assert.deepEqual(await real.page({ after, limit }), later.slice(0, limit))
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const real = remote(host, map, fresh())
        const model = new Map<string, Value>([['a', 1]])
        await real.put('a', 1)
        for (const take of steps) await take(model, real)
        assert.equal(await real.size(), model.size)
        assert.deepEqual(await real.page(), inOrder(model))
      }),
      { numRuns: 60 },
    )
  })

  test('a counter adds up, however many callers raise it at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(fc.integer({ min: -1000, max: 1000 }), { nil: undefined }), { maxLength: 20 }), async (steps) => {
        const real = remote(host, counter, fresh())
        await real.increment(0)
        const seen = await Promise.all(steps.map((by) => real.increment(by)))
        const sums = steps.map((_, index) => steps.slice(0, index + 1).reduce<number>((sum, by) => sum + (by ?? 1), 0))
        assert.deepEqual(seen, sums, 'each in its turn, in the order asked')
        assert.equal(await real.value(), sums.at(-1) ?? 0)
      }),
      { numRuns: 30 },
    )
  })

  test('a counter never goes where numbers have gaps', async () => {
    const real = remote(host, counter, fresh())
    assert.equal(await real.increment(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
    await failing(real.increment(), 'invalid-argument')
    assert.equal(await real.value(), Number.MAX_SAFE_INTEGER)
    assert.equal(await real.increment(-1), Number.MAX_SAFE_INTEGER - 1)
  })

  test('a long list is read page by page', async () => {
    const real = remote(host, list, fresh())
    const all = Array.from({ length: 1005 }, (_, index) => index)
    await Promise.all(all.map((value) => real.append(value)))
    assert.equal((await real.page()).length, 1000)
    const found: Value[] = []
    for (let page = await real.page({ limit: 400 }); page.length > 0; page = await real.page({ from: found.length, limit: 400 }))
      found.push(...page)
    assert.deepEqual(found, all)
  })

  test('a collection of one kind of item holds no other', async () => {
    expectTypeOf<Remote<typeof scores>['append']>().toEqualTypeOf<(item: number) => Promise<number>>()
    expectTypeOf<Remote<typeof scores>['get']>().toEqualTypeOf<(at: number) => Promise<number | undefined>>()
    expectTypeOf<Remote<typeof prices>['page']>().toEqualTypeOf<
      (range?: { after?: string; limit?: number }) => Promise<[string, number][]>
    >()
    const real = remote(host, scores, fresh())
    await real.append(5)
    const error = await failing(real.append(-1), 'invalid-argument')
    assert.match(error.message, /scores\.append: arguments\[0\] is -1, and must be a whole number from 0/)
    await failing(remote(host, prices, fresh()).put('a', 'free' as never), 'invalid-argument')
    assert.deepEqual(await real.page(), [5])
  })

  test('what cannot be a key, an index or a page is refused', async () => {
    const [l, m] = [remote(host, list, fresh()), remote(host, map, fresh())]
    await l.append(1)
    await m.put('a', 1)
    for (const key of ['', 'a\0b', 'x'.repeat(257)]) await failing(m.put(key, 1), 'invalid-argument')
    for (const at of [-1, 0.5, Number.NaN]) await failing(l.set(at, 1), 'invalid-argument')
    for (const limit of [0, 1001, 1.5]) {
      await failing(l.page({ limit }), 'invalid-argument')
      await failing(m.page({ limit }), 'invalid-argument')
    }
    assert.deepEqual(await m.page({ after: 'nowhere' }), [])
    assert.deepEqual([await l.page({ from: 1 }), await l.get(1)], [[], undefined])
  })
})

test('collections are there after a restart', async (t) => {
  const data = temporaryFolder(t)
  for (const round of [1, 2, 3]) {
    const node = await createStorageNode({ data, listen: '127.0.0.1:0', threads: 1, objects })
    try {
      assert.equal(await remote(node.host, counter).increment(), round)
      assert.equal(await remote(node.host, list).append(round), round - 1)
      await remote(node.host, map).put(`key-${round}`, round)
      assert.deepEqual(await remote(node.host, list).page(), [1, 2, 3].slice(0, round))
      assert.equal(await remote(node.host, map).size(), round)
    } finally {
      await node.close({ graceMs: 1000 })
    }
  }
})

test('a node loads the module with --objects, and clients call what it exports', async () => {
  await using folder = await folderOfAProcess()
  const module = fileURLToPath(new URL('../../examples/collections/index.ts', import.meta.url))
  await using node = await startNodeProcess(`${folder.path}/data`, ['--name', 'edge', '--objects', module])
  await using client = await connect({ node: node.address })
  assert.equal(await client.object(counter, 'visits').increment(2), 2)
  assert.equal(await client.object(list, 'log').append({ at: new Date(0) }), 0)
  assert.equal(await client.object(map, 'names').put('a', 'b'), true)
  assert.deepEqual(await client.object(list, 'log').page(), [{ at: new Date(0) }])
})
