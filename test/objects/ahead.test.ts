import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mapAhead } from '../../src/objects/loader/ahead.ts'
import { deferred } from '../storage-node/support.ts'

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}
const itself = <T>(item: T): Promise<T> => Promise.resolve(item)

test('results come in order, with as many under way as were asked for and no more, whatever each takes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(9), { maxLength: 30 }), fc.nat(5), fc.boolean(), async (takes, ahead, sync) => {
      let reading = 0
      let underWay = 0
      let most = 0
      async function* slowly() {
        for (const [index, item] of takes.entries()) {
          assert.equal(++reading, 1, 'the source is asked for one item at a time')
          await turns(takes[(index + 1) % takes.length] ?? 0)
          reading--
          yield item
        }
      }
      const made: number[] = []
      const results = mapAhead(sync ? takes : slowly(), ahead, async (item, index) => {
        most = Math.max(most, ++underWay)
        await turns(item)
        underWay--
        return index * 10 + item
      })
      for await (const one of results) {
        made.push(one)
        await turns(3)
      }
      assert.deepEqual(
        made,
        takes.map((item, index) => index * 10 + item),
      )
      assert.ok(most <= ahead + 1, `${most} under way`)
    }),
  )
})

test('while one is made, those ahead of it are under way', async () => {
  const begun: number[] = []
  const first = deferred()
  const results = mapAhead([0, 1, 2, 3, 4], 2, async (item) => {
    begun.push(item)
    if (item === 0) await first.promise
    return item
  })
  const head = results.next()
  await turns(30)
  assert.deepEqual(begun, [0, 1, 2])
  first.resolve()
  assert.equal((await head).value, 0)
  await results.return(undefined)
})

test('with none ahead, nothing is read before the reader asks for it', async () => {
  let read = 0
  function* source() {
    for (;;) yield ++read
  }
  const items = mapAhead(source(), 0, itself)
  assert.equal((await items.next()).value, 1)
  await turns(20)
  assert.equal(read, 1)
  assert.equal((await items.next()).value, 2)
  await items.return(undefined)
})

test('what the source throws comes after what was made before, and what fails comes in its place', async () => {
  async function* source() {
    yield await itself(1)
    yield 2
    throw new Error('the source broke')
  }
  const seen: number[] = []
  const read = async (make: (item: number) => Promise<number>) => {
    for await (const item of mapAhead(source(), 4, make)) seen.push(item)
  }
  await assert.rejects(read(itself), /the source broke/)
  assert.deepEqual(seen, [1, 2])
  await assert.rejects(
    read((item) => (item === 2 ? Promise.reject(new Error('two failed')) : itself(item))),
    /two failed/,
  )
  assert.deepEqual(seen, [1, 2, 1])
})

test('a reader that leaves closes the source, aborts what is under way, and waits for no source that gives nothing', async () => {
  let signal: AbortSignal | undefined
  async function* stuck() {
    yield await itself(1)
    await new Promise(() => undefined)
    yield 2
  }
  const results = mapAhead(stuck(), 1, (made, _, given) => {
    signal = given
    return itself(made)
  })
  for await (const item of results) if (item === 1) break
  assert.equal(signal?.aborted, true)

  let closed = 0
  function* plain() {
    try {
      for (;;) yield 1
    } finally {
      closed++
    }
  }
  for await (const item of mapAhead(plain(), 2, itself)) if (item === 1) break
  assert.equal(closed, 1)
})
