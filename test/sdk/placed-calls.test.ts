import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContentRef } from '../../src/core/content.ts'
import { failure, failureWith } from '../../src/core/errors.ts'
import { LOCAL, newCallId, objectId, type SiteName, typeName } from '../../src/core/ids.ts'
import type { Call, CallContext, CallReport, Transport } from '../../src/core/transport.ts'
import type { Value } from '../../src/core/value.ts'
import { createBreaker } from '../../src/link/breaker.ts'
import { createFollowing } from '../../src/link/following.ts'
import { resilient } from '../../src/link/resilient.ts'
import { timed } from '../../src/link/timed.ts'
import { CostModel } from '../../src/policy/cost-model.ts'
import { defaultPolicy } from '../../src/policy/document.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import type { Outcome, Policy, Role } from '../../src/policy/types.ts'
import { choosing } from '../../src/sdk/choosing.ts'
import { createDecisionLog } from '../../src/sdk/decision-log.ts'
import { createLinkMeter } from '../../src/sdk/link-meter.ts'
import { createPlacer } from '../../src/sdk/placer.ts'
import type { Site } from '../../src/sdk/site.ts'
import { supplying } from '../../src/sdk/supplying.ts'
import { failing } from '../contracts/transport.ts'
import { CLOUD, hash, NODE, view } from '../policy/views.ts'
import { virtualClock, type VirtualClock } from '../support/virtual-clock.ts'

const callOf = (context: Partial<CallContext> = {}, args: readonly Value[] = []): Call => ({
  type: typeName('probe'),
  object: objectId('main'),
  method: 'work',
  kind: 'movable',
  args,
  context: { callId: newCallId(), chain: [], ...context },
})

const siteOver = (clock: VirtualClock, name: SiteName, role: Role, inner: Transport): Site => ({
  name,
  role,
  transport: resilient(inner, { breaker: createBreaker({ failures: 1e6, now: clock.now }), ...clock }),
  meter: createLinkMeter(),
  description: undefined,
  known: { has: () => false, add: () => undefined, clear: () => undefined },
  view: view({ role, name }),
})

interface World {
  readonly transport: Transport
  readonly log: ReturnType<typeof createDecisionLog>
}

/** A client's way to three sites, each over a transport. The first in the list is the first choice. */
const worldOf = (clock: VirtualClock, inner: Readonly<Record<Role, Transport>>, timeoutMs: number, policy?: Policy): World => {
  const sites = new Map<SiteName, Site>([
    [NODE, siteOver(clock, NODE, 'node', inner.node)],
    [CLOUD, siteOver(clock, CLOUD, 'cloud', inner.cloud)],
    [LOCAL, siteOver(clock, LOCAL, 'local', inner.local)],
  ])
  const log = createDecisionLog(1000)
  const placer = createPlacer(policy ?? inOrder, sites, log, clock)
  const following = createFollowing((name) => sites.get(name)?.transport)
  const home = sites.get(NODE)!
  const placed = choosing({
    placer,
    home: { ...home, transport: following.from(home.transport) },
    fixed: undefined,
    at: (site) => supplying(site, sites),
  })
  return { transport: timed(placed, timeoutMs, clock.now), log }
}
const inOrder: Policy = {
  decide: () => ({ id: 1, sites: [NODE], because: '', rule: undefined, strategy: 'node', options: [], fallbacks: [CLOUD, LOCAL] }),
  observe: () => undefined,
}

const late = () => failure('deadline-exceeded', 'late')
/** A site at which work takes as long as `next` says, and then fails as it says. It gives up at the deadline of a call. */
const site = (clock: VirtualClock, next: () => readonly [ms: number, error: Error | undefined]): Transport => {
  const act = ({ context }: Call) => {
    const [ms, error] = next()
    const left = (context.deadline ?? Infinity) - clock.now()
    clock.pass(Math.max(0, Math.min(ms, left)))
    if (ms >= left) throw late()
    if (error !== undefined) throw error
  }
  return {
    call: async (call) => {
      act(call)
      return Promise.resolve('done')
    },
    async *stream(call) {
      act(call)
      yield await Promise.resolve(new Uint8Array(1))
    },
    close: () => Promise.resolve(),
  }
}

const refs = [hash(1), hash(2)].map((each) => new ContentRef(each, 20 * 1024 ** 2, NODE))
const troubles: readonly (() => Error | undefined)[] = [
  () => undefined,
  () => failure('unavailable', 'gone'),
  () => failureWith('overloaded', 'busy', { retryAfterMs: 40 }),
  () => failureWith('missing-inputs', 'not here', { hashes: refs.map((ref) => ref.hash) }),
  () => failure('worker-died', 'x'),
]

for (const [title, limit] of [
  ['the deadline that it brings', (ms: number) => ({ context: { deadline: ms }, timeoutMs: 1e9 })],
  ["the client's limit, where it brings none", (ms: number) => ({ context: {}, timeoutMs: ms })],
] as const)
  test(`whatever a placed call goes through, retries, fall-backs and supplies, it is over at ${title}`, async () => {
    const step = fc.tuple(fc.nat(400), fc.nat(troubles.length - 1))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 3000 }), async (steps, ms) => {
        const clock = virtualClock()
        let made = 0
        const next = () => {
          const [took, trouble] = steps[made++ % steps.length]!
          return [took, troubles[trouble]!()] as const
        }
        const inner = site(clock, next)
        const { context, timeoutMs } = limit(ms)
        const { transport } = worldOf(clock, { node: inner, cloud: inner, local: inner }, timeoutMs)
        await transport.call(callOf(context, refs)).catch(() => undefined)
        assert.ok(clock.now() <= ms, `${clock.now()} ms of ${ms}`)
      }),
    )
  })

test('each stage, retry and supply of a call is told the same deadline', async () => {
  const clock = virtualClock()
  const seen = new Set<number | undefined>()
  let made = 0
  const inner: Transport = {
    call: ({ context }) => {
      seen.add(context.deadline)
      clock.pass(10)
      return made++ === 0 ? Promise.reject(failureWith('missing-inputs', 'x', { hashes: [refs[0]!.hash] })) : Promise.resolve('done')
    },
    async *stream({ context }) {
      seen.add(context.deadline)
      clock.pass(10)
      yield await Promise.resolve(new Uint8Array(1))
    },
    close: () => Promise.resolve(),
  }
  const { transport } = worldOf(clock, { node: inner, cloud: inner, local: inner }, 700)
  await transport.call(callOf({}, refs))
  assert.ok(made > 1)
  assert.deepEqual([...seen], [700])
})

test('a step of the wall clock in the middle of a call changes none of its limits', async (t) => {
  const clock = virtualClock()
  let wall = 0
  t.mock.method(Date, 'now', () => wall)
  const inner = site(clock, () => {
    wall += 3_600_000 * (wall % 2 === 0 ? 1 : -3)
    return [90, failure('unavailable', 'gone')]
  })
  const { transport } = worldOf(clock, { node: inner, cloud: inner, local: inner }, 1000)
  await failing(transport.call(callOf()), 'unavailable', 'deadline-exceeded')
  assert.ok(clock.now() > 200 && clock.now() <= 1000, `${clock.now()}`)
})

/** A stream that takes `firstMs` to its first item and `eachMs` to the others, and breaks before item `breaksAt`. */
const streaming = (
  clock: VirtualClock,
  at: SiteName,
  { firstMs = 0, eachMs = 0, items = 3, breaksAt = Infinity, error = failure('unavailable', 'gone') } = {},
): Transport & { begun: number; ended: number } => {
  const made = {
    begun: 0,
    ended: 0,
    call: () => assert.fail('it is a stream'),
    async *stream({ context }: Call): AsyncGenerator<Value> {
      made.begun++
      let service = 0
      try {
        for (let index = 0; index < items; index++) {
          const ms = index === 0 ? firstMs : eachMs
          clock.pass(ms)
          service += ms
          if (index === breaksAt) throw error
          yield await Promise.resolve(index)
        }
      } finally {
        made.ended++
        const load = { inFlight: 1, queueMs: 0, serviceMs: service }
        const report: CallReport = {
          site: at,
          bytesSent: 10,
          bytesReceived: 1000,
          bytesFetched: 0,
          fetchMs: 0,
          totalMs: clock.now(),
          stream: true,
          load,
          stages: [],
        }
        context.onReport?.(report)
      }
    },
    close: () => Promise.resolve(),
  }
  return made
}

const learning = () => {
  const observed: Outcome[] = []
  return { observed, policy: { ...inOrder, observe: (_: unknown, __: unknown, outcome: Outcome) => void observed.push(outcome) } }
}

test('a placed stream logs its times, items and bytes, and teaches what it took without its reader', async () => {
  const clock = virtualClock()
  const { policy, observed } = learning()
  const inner = streaming(clock, NODE, { firstMs: 30, eachMs: 5, items: 4 })
  const { transport, log } = worldOf(clock, { node: inner, cloud: inner, local: inner }, 1e6, policy)
  const items: Value[] = []
  for await (const item of transport.stream(callOf())) {
    items.push(item)
    clock.pass(1000)
  }
  assert.deepEqual(items, [0, 1, 2, 3])
  const [entry, ...others] = log.entries()
  assert.deepEqual(others, [])
  const { totalMs, failed, ranOn, bytesSent, bytesReceived, stream } = entry!
  assert.deepEqual({ totalMs, failed, ranOn, bytesSent, bytesReceived }, { totalMs: 4045, failed: false, ranOn: [NODE], bytesSent: 10, bytesReceived: 1000 }) // prettier-ignore
  assert.deepEqual(stream, { firstMs: 30, items: 4, readerMs: 4000, end: 'whole' })
  assert.deepEqual(
    observed.map((outcome) => [outcome.totalMs, outcome.failed, outcome.partial, outcome.reports.length]),
    [[45, false, false, 1]],
  )
})

test('a stream that breaks before its first item begins at the next site; one that breaks later fails', async () => {
  const clock = virtualClock()
  const node = streaming(clock, NODE, { firstMs: 7, breaksAt: 0 })
  const cloud = streaming(clock, CLOUD)
  const local = streaming(clock, LOCAL)
  const { transport, log } = worldOf(clock, { node, cloud, local }, 1e6)
  const items: Value[] = []
  for await (const item of transport.stream(callOf())) items.push(item)
  assert.deepEqual(items, [0, 1, 2])
  assert.deepEqual([node.begun, cloud.begun, local.begun], [1, 1, 0])
  const shown = log.entries().map(({ ranOn, failed, totalMs, stream }) => ({ ranOn, failed, totalMs, end: stream?.end }))
  assert.deepEqual(shown, [
    { ranOn: [NODE], failed: true, totalMs: 7, end: 'failed' },
    { ranOn: [CLOUD], failed: false, totalMs: 0, end: 'whole' },
  ])

  const later = streaming(clock, NODE, { breaksAt: 2 })
  const second = worldOf(clock, { node: later, cloud, local }, 1e6)
  const before: Value[] = []
  const read = async () => {
    for await (const item of second.transport.stream(callOf())) before.push(item)
  }
  await failing(read(), 'unavailable')
  assert.equal(cloud.begun, 1)
  assert.deepEqual(before, [0, 1])
  assert.equal(second.log.entries()[0]?.failed, true)
})

test('what no other site could do better is not begun at another', async () => {
  const clock = virtualClock()
  const node = streaming(clock, NODE, { breaksAt: 0, error: failure('bad-sample', 'x') })
  const cloud = streaming(clock, CLOUD)
  const { transport } = worldOf(clock, { node, cloud, local: cloud }, 1e6)
  await failing(transport.stream(callOf())[Symbol.asyncIterator]().next(), 'bad-sample')
  assert.equal(cloud.begun, 0)
})

test('a reader that leaves ends the stream at its site, and teaches nothing', async () => {
  const clock = virtualClock()
  const model = new CostModel()
  const policy = createPolicy(defaultPolicy, model)
  const inner = streaming(clock, NODE, { firstMs: 50, items: 100 })
  const { transport, log } = worldOf(clock, { node: inner, cloud: inner, local: inner }, 1e6, policy)
  for await (const item of transport.stream(callOf())) if (item === 1) break
  assert.equal(inner.ended, 1)
  assert.deepEqual([log.entries()[0]?.failed, log.entries()[0]?.stream?.end], [false, 'left'])
  for (const name of [NODE, CLOUD, LOCAL]) assert.equal(model.known.compute('probe.work', name), undefined)
  assert.equal(model.known.resultBytes('probe.work'), undefined)
})

test('a caller that aborts while a stream is to begin at another site is told so', async () => {
  const clock = virtualClock()
  const controller = new AbortController()
  const aborting: Transport = {
    ...streaming(clock, NODE),
    // oxlint-disable-next-line require-yield -- it breaks before its first item
    async *stream() {
      controller.abort()
      await Promise.resolve()
      throw failure('unavailable', 'gone')
    },
  }
  const cloud = streaming(clock, CLOUD)
  const { transport } = worldOf(clock, { node: aborting, cloud, local: cloud }, 1e6)
  await failing(
    transport
      .stream(callOf({ signal: controller.signal }))
      [Symbol.asyncIterator]()
      .next(),
    'cancelled',
  )
  assert.equal(cloud.begun, 0)
})

test('a stream of which its site told no load is logged, and teaches nothing', async () => {
  const clock = virtualClock()
  const { policy, observed } = learning()
  const inner: Transport = {
    call: () => assert.fail('it is a stream'),
    async *stream() {
      yield await Promise.resolve(1)
    },
    close: () => Promise.resolve(),
  }
  const { transport, log } = worldOf(clock, { node: inner, cloud: inner, local: inner }, 1e6, policy)
  for await (const item of transport.stream(callOf())) assert.ok(item)
  assert.equal(observed[0]?.partial, true)
  assert.equal(log.entries()[0]?.stream?.items, 1)
})
