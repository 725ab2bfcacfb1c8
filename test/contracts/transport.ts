import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { ObjectType } from '../../src/core/define.ts'
import { ActiveStorageError, type Code, isActiveStorageError } from '../../src/core/errors.ts'
import { newCallId, type ObjectId, type TypeName } from '../../src/core/ids.ts'
import type { CallReport, Transport } from '../../src/core/transport.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'
import { remote } from '../storage-node/support.ts'
import { createProbe, outOfTime } from './probe.ts'

const MIB = 1024 ** 2

/** The error of a promise that must fail with this code. */
export const failing = async (work: Promise<unknown>, ...codes: [Code, ...Code[]]): Promise<ActiveStorageError> => {
  const expected = codes.join(' or ')
  const error: unknown = await work.then(
    () => assert.fail(`it went well instead of failing with ${expected}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(
    isActiveStorageError(error) && codes.includes(error.code),
    `${expected} was expected: ${error instanceof Error ? error.stack : String(error)}`,
  )
  assert.match(error.message, new RegExp(`^\\[${error.code}\\] .`))
  return error
}
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** What every way to make calls must do. `open` gives a transport to a new host with these object types. */
export const transportContract = (name: string, open: (t: TestContext, types: readonly ObjectType[]) => Promise<Transport>): void => {
  const prepared = async (t: TestContext) => {
    const { type, seen } = createProbe()
    const transport = await open(t, [type])
    return {
      type,
      seen,
      transport,
      main: remote(transport, type),
      with: (options: Parameters<typeof remote>[3]) => remote(transport, type, 'main', options),
    }
  }
  /** A call as a client without types could make it. */
  const raw = (transport: Transport, type: string, object: string, method: string, args: readonly Value[] = []) =>
    transport.call({
      type: type as TypeName,
      object: object as ObjectId,
      method,
      kind: 'stateful',
      args,
      context: { callId: newCallId(), chain: [] },
    })

  void suite(name, () => {
    test('stateful, readonly and movable methods give their results', async (t) => {
      const { main } = await prepared(t)
      assert.equal(await main.add(2), 2)
      assert.equal(await main.add(3), 5)
      assert.equal(await main.count(), 5)
      assert.equal(await main.version(), 2)
      assert.equal(await main.nothing(), undefined)
    })

    test('every kind of value arrives as it was sent', async (t) => {
      const { main } = await prepared(t)
      const sent: readonly Value[] = [
        null,
        undefined,
        true,
        -0,
        NaN,
        2n ** 63n,
        'ü🐟',
        new Date(5),
        { a: [1, { b: 'c' }] },
        new Tensor('float32', Float32Array.of(1, 2), [2, 1]),
        new Tensor('string', ['a', ''], [2]),
      ]
      assert.deepStrictEqual(await main.echo(...sent), sent)
    })

    test('8 MiB as argument and result', async (t) => {
      const { main } = await prepared(t)
      const data = Float32Array.from({ length: 2 * MIB }, (_, index) => index)
      const [back] = await main.echo(new Tensor('float32', data, [2 * MIB]))
      assert.ok(back instanceof Tensor && back.data instanceof Float32Array)
      assert.ok(Buffer.from(back.data.buffer, back.data.byteOffset, back.data.byteLength).equals(Buffer.from(data.buffer)))
    })

    test('many large and small calls at once all get their own results', async (t) => {
      const { main } = await prepared(t)
      const call = async (index: number) => {
        const [bytes] = await main.echo(new Uint8Array(index % 3 === 0 ? 600_000 : 10).fill(index))
        assert.ok(bytes instanceof Uint8Array && bytes.every((byte) => byte === index))
      }
      await Promise.all(Array.from({ length: 60 }, (_, index) => call(index)))
    })

    test('a stream gives its items in order, then ends', async (t) => {
      const { main } = await prepared(t)
      assert.deepEqual(
        await all(main.numbers(500)),
        Array.from({ length: 500 }, (_, index) => index),
      )
      assert.deepEqual(await all(main.numbers(0)), [])
      await main.add(7)
      assert.deepEqual(await all(main.counts(2)), [7, 7])
    })

    test('large items of a stream come whole', async (t) => {
      const { main } = await prepared(t)
      const blocks = await all(main.blocks(5, MIB + 3))
      assert.deepEqual(
        blocks.map((block) => [block.byteLength, block[0], block.at(-1)]),
        [0, 1, 2, 3, 4].map((index) => [MIB + 3, index, index]),
      )
    })

    test('a stream that fails gives what came before, then its error', async (t) => {
      const { main } = await prepared(t)
      const items: number[] = []
      const read = async () => {
        for await (const item of main.failAfter(3)) items.push(item)
      }
      const error = await failing(read(), 'bad-sample')
      assert.deepEqual(items, [0, 1, 2])
      assert.equal(error.origin.method, 'failAfter')
    })

    test('errors keep their code, text and details, and say where they arose', async (t) => {
      const { main } = await prepared(t)
      const own = await failing(main.boom(), 'method-threw')
      assert.match(own.message, /TypeError: out of luck/)
      assert.equal(own.origin.object, 'probe/main')
      assert.equal(own.origin.method, 'boom')
      assert.ok(own.origin.site !== undefined && own.origin.callId !== undefined)

      const typed = await failing(main.refuse('bad-sample'), 'bad-sample')
      assert.equal(typed.text, 'sample "x" is no image')
      const busy = await failing(main.refuse('overloaded'), 'overloaded')
      assert.deepEqual(busy.details, { retryAfterMs: 40 })
      const lacking = await failing(main.refuse('missing-inputs'), 'missing-inputs')
      assert.deepEqual(lacking.details, { hashes: Array.from({ length: 64 }, () => 'ab'.repeat(32)) })
    })

    test('an unknown method lists those there are, an unknown type as well', async (t) => {
      const { transport } = await prepared(t)
      for (const method of ['nope', '__proto__', 'constructor', '']) {
        const error = await failing(raw(transport, 'probe', 'main', method), 'unknown-method')
        assert.match(error.message, /it has add, addGated, .*waitVia/)
        assert.equal(error.origin.object, 'probe/main')
      }
      for (const type of ['nope', '__proto__', 'toString'])
        assert.match((await failing(raw(transport, type, 'main', 'add'), 'unknown-type')).message, /it hosts batch, content/)
    })

    test('"__proto__" and separators are no object names', async (t) => {
      const { transport, type } = await prepared(t)
      for (const id of ['__proto__', 'a/b', '', 'a\0b', '..', 'x'.repeat(129)])
        assert.throws(() => remote(transport, type, id), { code: 'invalid-argument' }, id)
    })

    test('an object that is not there is not-found when it is only read', async (t) => {
      const { main } = await prepared(t)
      assert.match((await failing(main.count(), 'not-found')).message, /main/)
    })

    test("a caller that gives up gets cancelled, and the method's signal fires", async (t) => {
      const { with: options, seen } = await prepared(t)
      const controller = new AbortController()
      const call = options({ signal: controller.signal }).wait()
      await seen.waiting.promise
      controller.abort()
      const error = await failing(call, 'cancelled')
      assert.equal(error.origin.method, 'wait')
      assert.equal(await seen.aborted.promise, 'cancelled')
    })

    test('a call whose signal has already fired is not made', async (t) => {
      const { with: options, seen } = await prepared(t)
      await failing(options({ signal: AbortSignal.abort() }).wait(), 'cancelled')
      await failing(all(options({ signal: AbortSignal.abort() }).numbers(3)), 'cancelled')
      assert.equal(seen.ran, 0)
    })

    test("a call out of time is deadline-exceeded, and the method's signal fires", async (t) => {
      const { with: options, seen } = await prepared(t)
      await outOfTime(seen, (timeoutMs) => failing(options({ timeoutMs }).wait(), 'deadline-exceeded'))
      assert.match(await seen.aborted.promise, /deadline-exceeded|cancelled/)
    })

    test('a method that ignores its signal does not hold up its caller', async (t) => {
      const { with: options, seen } = await prepared(t)
      await outOfTime(seen, (timeoutMs) => failing(options({ timeoutMs }).gated(), 'deadline-exceeded'))
      seen.opened.resolve()
    })

    test('a stream is cancelled by its signal, and out of time at its deadline', async (t) => {
      const first = await prepared(t)
      const controller = new AbortController()
      const read = async (items: AsyncIterable<unknown>, then = () => undefined as void) => {
        for await (const _ of items) then()
      }
      await failing(
        read(first.with({ signal: controller.signal }).waitAfterOne(), () => controller.abort()),
        'cancelled',
      )
      assert.equal(await first.seen.aborted.promise, 'cancelled')

      const second = await prepared(t)
      await outOfTime(second.seen, (timeoutMs) => failing(read(second.with({ timeoutMs }).waitAfterOne()), 'deadline-exceeded'))
      assert.match(await second.seen.aborted.promise, /deadline-exceeded|cancelled/)
    })

    test('a reader that leaves a stream ends its generator, and other calls go on', async (t) => {
      const { main, seen } = await prepared(t)
      for await (const block of main.blocks(100_000, 100_000)) {
        assert.equal(block.byteLength, 100_000)
        break
      }
      await seen.ended.promise
      assert.ok(seen.produced < 1000)
      assert.deepEqual(await main.echo(1), [1])
    })

    for (const bytes of [100_000, 2 * MIB]) {
      test(`a slow reader holds back the generator, with items of ${bytes} bytes`, async (t) => {
        const { main, seen } = await prepared(t)
        const most = 64 * MIB
        const items = main.blocks(4000, bytes)[Symbol.asyncIterator]()
        await items.next()
        // As long as it runs ahead, other calls give it time to; it must stop by itself, long before its end.
        for (let before = -1; before !== seen.produced && seen.produced * bytes <= most;) {
          before = seen.produced
          for (let i = 0; i < 30; i++) await main.nothing()
        }
        assert.ok(seen.produced * bytes <= most, `${seen.produced} items of ${bytes} bytes were made for a reader of one`)
        for (let i = 0; i < 5; i++) assert.equal((await items.next()).done, false)
        await items.return?.()
        await seen.ended.promise
      })
    }

    test('the report of a call comes once, however it ends', async (t) => {
      const { with: options } = await prepared(t)
      const reports: CallReport[] = []
      const main = options({ onReport: (report) => reports.push(report) })
      await main.echo('x')
      await failing(main.boom(), 'method-threw')
      await all(main.numbers(3))
      await failing(all(main.failAfter(1)), 'bad-sample')
      for await (const _ of main.numbers(50)) break
      assert.equal(reports.length, 5)
      for (const { site, totalMs, stages } of reports) {
        assert.ok(totalMs >= 0 && site.length > 0)
        assert.deepEqual(stages, [])
      }
      for (const { load } of reports.slice(0, 4)) assert.ok(load !== undefined && load.serviceMs >= 0 && load.inFlight >= 0)
    })
  })
}
