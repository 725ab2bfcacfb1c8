import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { createCommitQueue } from '../../../src/storage-node/store/commit-queue.ts'
import { temporaryFolder } from '../support.ts'
import { withStrace } from './disks.ts'
import { forgetfulStore } from './fake-stores.ts'

const numbered = (i: number) => String(i).padStart(4, '0')

/** Commits through the queue, with syncs in between, and cuts the power at every step: what was acknowledged is there, whole. */
const survivesPowerCuts = (tooEarly: boolean) =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('commit', 'commit', 'sync', 'turn'), { maxLength: 30 }), async (steps) => {
      const { store, sync, afterPowerCut } = forgetfulStore({ tooEarly })
      const queue = createCommitQueue(store)
      const acknowledged = new Set<number>()
      let count = 0
      const check = () => {
        const left = afterPowerCut()
        const last = Number(left.get('last') ?? -1)
        for (const i of acknowledged) assert.ok(i <= last, `commit ${i} was acknowledged, and is gone`)
        const expected = Array.from({ length: last + 1 }, (_, i) => numbered(i))
        assert.deepEqual([...left.keys()].filter((key) => key !== 'last').toSorted(), expected, 'a commit is torn, or out of order')
      }
      for (const step of steps) {
        if (step === 'commit') {
          const i = count++
          const { durable } = queue.commit([numbered(i), 'last'].map((key) => ({ key, value: Buffer.from(String(i)) })), 0) // prettier-ignore
          void durable.then(() => acknowledged.add(i))
        } else if (step === 'sync') sync()
        else await setImmediate()
        check()
      }
      while (acknowledged.size < count) {
        await setImmediate()
        check()
        sync()
      }
    }),
    { numRuns: 100, includeErrorInReport: true },
  )

test('what was acknowledged outlives a power cut at any instant, whole and with all before it', () => survivesPowerCuts(false))

test('the power cuts find a store that acknowledges before its sync', async () => {
  await assert.rejects(survivesPowerCuts(true), /was acknowledged, and is gone/)
})

interface SystemCall {
  readonly name: string
  readonly args: string
  readonly result: number
  /** Lines of the trace at which it began and ended. */
  readonly began: number
  readonly ended: number
}

/** The calls of a trace by `strace -f`, in the order in which they ended. A call that another thread interrupts has two lines. */
const callsOf = (trace: string): SystemCall[] => {
  const unfinished = new Map<string, { text: string; began: number }>()
  return trace.split('\n').flatMap((line, at) => {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (rest.endsWith('<unfinished ...>')) {
      unfinished.set(thread, { text: rest.slice(0, -'<unfinished ...>'.length), began: at })
      return []
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    const start = resumed === null ? { text: '', began: at } : (unfinished.get(thread) ?? { text: '', began: at })
    const call = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(start.text + (resumed?.[1] ?? rest))
    return call === null ? [] : [{ name: call[1]!, args: call[2]!, result: Number(call[3]), began: start.began, ended: at }]
  })
}

/** What is wrong in a trace of `committing-child.ts`: nothing, where every acknowledgement follows its commit's way to the disk. */
const faultsIn = (trace: string): { faults: string[]; acknowledged: number } => {
  const calls = callsOf(trace)
  const descriptor = ({ args }: SystemCall) => /^\d+/.exec(args)?.[0]
  // Opened before the first commit, and open to the end.
  const data = calls.filter(({ name, args }) => name === 'openat' && args.includes('data.mdb'))
  const synced = new Set(data.filter(({ args }) => /O_D?SYNC/.test(args)).map(({ result }) => `${result}`))
  const isData = (call: SystemCall) => data.some(({ result }) => `${result}` === descriptor(call))
  const isWrite = ({ name }: SystemCall) => /^p?writev?(64)?$/.test(name)
  const isSync = (call: SystemCall) => /^(fdatasync|fsync|msync)$/.test(call.name) && call.result === 0
  const acks = calls.filter(({ name, args }) => name === 'write' && args.startsWith('1, "ack '))
  const faults = acks.flatMap((ack) => {
    const commit = /commit-\d+;/.exec(ack.args)?.[0] ?? ''
    const page = calls.find((call) => isWrite(call) && isData(call) && call.args.includes(commit))
    if (page === undefined || page.ended > ack.began) return [`${commit} was acknowledged before it was written`]
    const sync = calls.find((call) => isSync(call) && descriptor(call) === descriptor(page) && call.began > page.ended)
    if (sync === undefined || sync.ended > ack.began) return [`${commit} was acknowledged before its page was synced`]
    // Then the page that makes the new tree the valid one, by a file that is synced at each write.
    const root = calls.find((call) => isWrite(call) && synced.has(descriptor(call) ?? '') && call.began > sync.ended && call.result > 0)
    if (root === undefined || root.ended > ack.began) return [`${commit} was acknowledged before the new root was synced`]
    return []
  })
  return { faults, acknowledged: acks.length }
}

const traced = (t: TestContext, fault?: 'no-sync'): string | undefined => {
  const folder = temporaryFolder(t)
  const trace = join(folder, 'trace')
  const child = fileURLToPath(new URL('committing-child.ts', import.meta.url))
  const options = ['-s', '200000', '-o', trace, '-e', 'trace=openat,write,writev,pwrite64,pwritev,fdatasync,fsync,msync']
  const ran = withStrace(t, options, [child, join(folder, 'store'), '60'], { ...(fault !== undefined && { FAULT: fault }) })
  if (ran === undefined) return undefined
  assert.equal(ran.status, 0, ran.stderr)
  return readFileSync(trace, 'latin1')
}

test('each acknowledgement of the real store follows the sync of its own pages, and of the new root', (t) => {
  const trace = traced(t)
  if (trace === undefined) return
  const { faults, acknowledged } = faultsIn(trace)
  assert.equal(acknowledged, 60)
  assert.deepEqual(faults, [])
})

test('the trace shows the fault of a store that does not sync', (t) => {
  const trace = traced(t, 'no-sync')
  if (trace === undefined) return
  const { faults, acknowledged } = faultsIn(trace)
  assert.equal(acknowledged, 60)
  assert.match(faults[0] ?? '', /before its page was synced/)
})
