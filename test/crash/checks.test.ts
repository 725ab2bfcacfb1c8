import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { checkModel, refusals } from './checks.ts'
import type { Entry } from './history.ts'
import { type RegisterAsked, registerModel } from './models.ts'
import type { Finding } from './workload.ts'
import { checkCounter } from './workloads/counters.ts'
import { checkLedger } from './workloads/ledger-calls.ts'
import { checkLog } from './workloads/logs.ts'

let now = 0
/** A call that began and ended after all before it. */
const done = <Asked, Answer>(asked: Asked, answer: Answer, caller = 1): Entry<Asked, Answer> => ({
  caller,
  object: 'it',
  asked,
  invoked: ++now,
  replied: ++now,
  outcome: { kind: 'acknowledged', answer },
  lives: [1],
  tries: 1,
})
const unknown = <Asked, Answer>(asked: Asked, caller = 1): Entry<Asked, Answer> => ({
  caller,
  object: 'it',
  asked,
  invoked: ++now,
  replied: Infinity,
  outcome: { kind: 'unknown' },
  lives: [1],
  tries: 1,
})
const kindsOf = (findings: readonly Finding[]) => [...new Set(findings.map(({ kind }) => kind))].sort()

suite('what a history proves wrong', () => {
  test('counters', () => {
    const add = (value: number, caller?: number) => done({ method: 'add' as const }, value, caller)
    const lost = () => unknown<{ readonly method: 'add' }, number>({ method: 'add' })
    const read = (value: number) => done({ method: 'read' as const }, value)
    const audit = (value: number) => done({ method: 'read' as const, audit: true as const }, value)
    const check = (...entries: Parameters<typeof checkCounter>[1]) => kindsOf(checkCounter('it', entries))

    assert.deepEqual(check(add(1), read(1), add(2), audit(2)), [])
    assert.deepEqual(check(add(1), lost(), audit(1)), [], 'an unknown call need not count')
    assert.deepEqual(check(add(1), lost(), audit(2)), [], 'an unknown call may count')
    assert.deepEqual(check(add(1), lost(), read(2), audit(1)), ['lost'], 'but not again go away')
    assert.deepEqual(check(add(1), add(2), read(1), audit(2)), ['stale'])
    assert.deepEqual(check(add(1), add(2), audit(1)), ['lost'])
    assert.deepEqual(check(add(1), add(1), audit(2)), ['lost', 'stale'])
    assert.deepEqual(check(add(1), audit(2)), ['doubled'])
    assert.deepEqual(check(add(1), lost(), audit(3)), ['doubled'])
    assert.deepEqual(check(read(1), audit(1)), ['doubled'], 'nor where nothing was asked for')
  })

  test('logs', () => {
    const append = (item: string, place: number, caller = 1) => done({ append: item }, place, caller)
    const read = (...items: string[]) => done({ read: 'all' as const }, items)
    const audit = (...items: string[]) => done({ read: 'audit' as const }, items)
    const check = (...entries: Parameters<typeof checkLog>[1]) => kindsOf(checkLog('it', entries))

    assert.deepEqual(check(append('a', 1), read('a'), append('b', 2), audit('a', 'b')), [])
    assert.deepEqual(check(append('a', 1), unknown({ append: 'b' }), audit('a')), [])
    assert.deepEqual(check(append('a', 1), unknown({ append: 'b' }), audit('a', 'b')), [])
    assert.deepEqual(check(append('a', 1), append('b', 2), read('a'), audit('a', 'b')), ['stale'])
    assert.deepEqual(check(append('a', 1), append('b', 2), audit('a')), ['lost'])
    assert.deepEqual(check(append('a', 1), unknown({ append: 'b' }), read('a', 'b'), audit('a')), ['lost'])
    assert.deepEqual(check(append('a', 1), audit('a', 'a')), ['doubled'])
    assert.deepEqual(check(append('a', 1), audit('a', 'b')), ['torn'], 'nobody appended b')
    assert.deepEqual(check(append('a', 1), read('a', 'b'), append('b', 2), audit('a', 'b')), ['torn'], 'b was not appended yet')
    assert.deepEqual(check(append('a', 1, 1), append('b', 2, 2), read('a', 'b'), audit('b', 'a')), ['torn'], 'what was read does not move')
    assert.deepEqual(check(append('a', 1, 1), append('b', 2, 2), audit('b', 'a')), ['disordered'], 'the places that were told hold')
    const late = append('b', 1)
    assert.deepEqual(check(append('a', 2), late, audit('b', 'a')), ['disordered'], "a caller's items stand in its order")
  })

  test('ledgers', () => {
    const post = (key: string, amount: number) => done({ post: key, amount }, 1)
    const strike = (key: string, gave = true) => done({ strike: key }, gave)
    const page = (count: number, sum: number, ...entries: [string, number][]) => ({ count, sum, entries })
    const read = (...of: Parameters<typeof page>) => done({ read: 'all' as const }, page(...of))
    const audit = (...of: Parameters<typeof page>) => done({ read: 'audit' as const }, page(...of))
    const check = (...entries: Parameters<typeof checkLedger>[1]) => kindsOf(checkLedger('it', entries))

    assert.deepEqual(check(post('a', 5), read(1, 5, ['a@0', 5]), strike('a'), audit(0, 0)), [])
    assert.deepEqual(check(post('a', 5), unknown({ strike: 'a' }), audit(0, 0)), [])
    assert.deepEqual(check(post('a', 5), unknown({ strike: 'a' }), audit(1, 5, ['a@0', 5])), [])
    assert.deepEqual(check(post('a', 5), audit(1, 5)), ['lost', 'torn'])
    assert.deepEqual(check(post('a', 5), audit(0, 0, ['a@0', 5])), ['torn'])
    assert.deepEqual(check(post('a', 5), audit(1, 6, ['a@0', 5])), ['torn'])
    assert.deepEqual(check(post('a', 5), audit(1, 6, ['a@0', 6])), ['torn'], 'another amount than was posted')
    assert.deepEqual(check(post('a', 5), audit(2, 6, ['a@0', 5], ['b@1', 1])), ['torn'], 'nobody posted b')
    assert.deepEqual(check(post('a', 5), audit(2, 10, ['a@0', 5], ['a@1', 5])), ['doubled'])
    assert.deepEqual(check(post('a', 5), read(0, 0), audit(1, 5, ['a@0', 5])), ['stale'])
    assert.deepEqual(check(post('a', 5), audit(0, 0)), ['lost'])
    assert.deepEqual(check(post('a', 5), strike('a'), read(1, 5, ['a@0', 5]), audit(0, 0)), ['stale'])
    assert.deepEqual(check(post('a', 5), strike('a'), audit(1, 5, ['a@0', 5])), ['lost'])
    assert.deepEqual(check(post('a', 5), strike('a', false)), ['lost'])
    assert.deepEqual(check(post('a', 5), { ...strike('a', false), tries: 2 }), ['doubled'], 'the first try had struck it out')
  })

  test('models, and the calls that show it', () => {
    const write = (value: string) => done<RegisterAsked, string | null | boolean>({ method: 'write', value }, null)
    const read = (value: string | null) => done<RegisterAsked, string | null | boolean>({ method: 'read' }, value)
    const check = (...entries: Entry<RegisterAsked, string | null | boolean>[]) =>
      checkModel(registerModel, entries, ({ method }) => method === 'read')

    assert.deepEqual(check(write('a'), unknown({ method: 'read' }), read('a')), { findings: [], objects: 1, linearizable: 1 })
    const { findings } = check(write('a'), write('b'), read('a'))
    assert.deepEqual(kindsOf(findings), ['not-linearizable'])
    assert.match(findings[0]?.history.at(-1) ?? '', /"read".*-> "a"$/)
  })

  test('a call that was refused without a reason', () => {
    const refused = { ...done({ method: 'add' as const }, 1), outcome: { kind: 'failed' as const, code: 'internal', text: 'broken' } }
    assert.deepEqual(kindsOf(refusals([refused, done({ method: 'add' }, 1)])), ['refused'])
  })
})
