import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from './history.ts'
import { asOf } from './restored.ts'
import { checkCounter } from './workloads/counters.ts'

const add = (invoked: number, replied: number, answer: number): Entry<{ readonly method: 'add' }, number> => ({
  caller: 1,
  object: 'it',
  asked: { method: 'add' },
  invoked,
  replied,
  outcome: replied === Infinity ? { kind: 'unknown' } : { kind: 'acknowledged', answer },
  lives: [1],
  tries: 1,
})
const read = (answer: number): Entry<{ readonly method: 'read'; readonly audit: true }, number> => ({
  caller: 0,
  object: 'it',
  asked: { method: 'read', audit: true },
  invoked: 100,
  replied: 101,
  outcome: { kind: 'acknowledged', answer },
  lives: [1],
  tries: 1,
})

test('a backup must hold what was acknowledged before it began, may hold what was under way, and nothing that began later', () => {
  const history = [add(1, 2, 1), add(3, 6, 2), add(7, 12, 3), add(20, 21, 4)]
  const found = (answer: number) => checkCounter('it', [...asOf(history, { began: 5, ended: 10 }), read(answer)]).map(({ kind }) => kind)
  assert.deepEqual(found(0), ['lost'])
  assert.deepEqual(found(1), [])
  assert.deepEqual(found(2), [])
  assert.deepEqual(found(3), [])
  assert.deepEqual(found(4), ['doubled'])
})
