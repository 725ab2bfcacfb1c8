import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { checkLinearizable, type Model, type Operation } from './linearizability.ts'
import {
  aliasAsked,
  anyHistory,
  call,
  counterAsked,
  lifeAsked,
  really,
  registerAnswer,
  registerAsked,
  steps,
  unknown,
  type Plain,
} from './made-histories.ts'
import { type AliasAsked, aliasModel, type CounterAsked, counterModel, lifeModel, type RegisterAsked, registerModel } from './models.ts'

/** Whether an order is one: each call in it once, all known ones in it, none before one that replied before it began. */
const assertOrder = <State, Asked, Answer extends Plain>(
  model: Model<State, Asked, Answer>,
  history: readonly Operation<Asked, Answer>[],
  order: readonly Operation<Asked, Answer>[],
) => {
  assert.equal(new Set(order).size, order.length)
  for (const each of history) assert.ok(each.reply === undefined || order.includes(each))
  let state = model.initial
  for (const [index, { asked, invoked, reply }] of order.entries()) {
    const [next, answer] = model.apply(state, asked)
    if (reply !== undefined) assert.equal(answer, reply.answer)
    state = next
    for (const later of order.slice(index + 1)) assert.ok((later.reply?.at ?? Infinity) > invoked)
  }
}

/** The same question answered by trying every order of every choice of the unknown calls. */
const tryAll = <State, Asked, Answer extends Plain>(
  model: Model<State, Asked, Answer>,
  history: readonly Operation<Asked, Answer>[],
): boolean => {
  const from = (state: State, rest: readonly Operation<Asked, Answer>[]): boolean =>
    rest.every(({ reply }) => reply === undefined) ||
    rest.some((next) => {
      if (rest.some((other) => (other.reply?.at ?? Infinity) < next.invoked)) return false
      const [after, answer] = model.apply(state, next.asked)
      return (
        (next.reply === undefined || next.reply.answer === answer) &&
        from(
          after,
          rest.filter((other) => other !== next),
        )
      )
    })
  return from(model.initial, history)
}

suite('linearizability', () => {
  test('what was really done passes, with an order that shows it', () => {
    const passes = <State, Asked, Answer extends Plain>(model: Model<State, Asked, Answer>, asked: fc.Arbitrary<Asked>) =>
      fc.assert(
        fc.property(steps(asked, 250), (made) => {
          const { history } = really(model, made)
          const verdict = checkLinearizable(model, history)
          assert.equal(verdict.kind, 'linearizable')
          if (verdict.kind === 'linearizable') assertOrder(model, history, verdict.order)
        }),
        { numRuns: 100 },
      )
    passes(registerModel, registerAsked)
    passes(counterModel, counterAsked)
    passes(lifeModel, lifeAsked)
    passes(aliasModel, aliasAsked)
  })

  test('a read of what was overwritten before it began fails, whatever goes on beside it', () => {
    fc.assert(
      fc.property(steps(registerAsked, 120), steps(registerAsked, 60), (before, beside) => {
        const { history, end } = really(registerModel, before)
        const { history: more } = really(registerModel, beside)
        const fault: Operation<RegisterAsked, string | boolean | null>[] = [
          call({ method: 'write', value: 'old' }, end + 1, end + 2, null),
          call({ method: 'write', value: 'new' }, end + 3, end + 4, null),
          call({ method: 'read' }, end + 5, Number.MAX_SAFE_INTEGER, 'old'),
        ]
        // No call beside may write "old", so nothing can excuse the read.
        const later = more.map(({ asked, invoked }) => unknown<RegisterAsked, string | boolean | null>(asked, end + 5 + invoked))
        const verdict = checkLinearizable(registerModel, [...history, ...fault, ...later.slice(0, 6)])
        assert.equal(verdict.kind, 'not-linearizable')
        if (verdict.kind === 'not-linearizable')
          assert.deepEqual(
            verdict.stuck.filter(({ reply }) => reply !== undefined),
            [fault[2]],
          )
      }),
      { numRuns: 60 },
    )
  })

  /** Calls one after the other, of which the last has an answer that the model does not give. */
  const failsAtLast = <State, Asked, Answer extends Plain>(
    model: Model<State, Asked, Answer>,
    asked: fc.Arbitrary<Asked>,
    calls: readonly Asked[],
    wrong: (right: Answer) => Answer,
  ) =>
    fc.assert(
      fc.property(steps(asked, 120), (before) => {
        const { history, end, state } = really(model, before, { losing: false })
        const after: Operation<Asked, Answer>[] = []
        let now = state
        for (const [index, ask] of calls.entries()) {
          const [next, answer] = model.apply(now, ask)
          const last = index === calls.length - 1
          assert.equal(checkLinearizable(model, [...history, ...after]).kind, 'linearizable')
          after.push(call(ask, end + 2 * index + 1, end + 2 * index + 2, last ? wrong(answer) : answer))
          now = next
        }
        const verdict = checkLinearizable(model, [...history, ...after])
        assert.equal(verdict.kind, 'not-linearizable')
        if (verdict.kind === 'not-linearizable') assert.deepEqual(verdict.stuck, [after.at(-1)])
      }),
      { numRuns: 40 },
    )

  test('a write that was acknowledged and is gone fails', () => {
    const write: RegisterAsked = { method: 'write', value: 'kept' }
    failsAtLast(registerModel, registerAsked, [write, { method: 'read' }], () => 'a')
    const swap: RegisterAsked = { method: 'compareAndSet', expected: 'kept', value: 'swapped' }
    failsAtLast(registerModel, registerAsked, [write, swap, { method: 'read' }], () => 'kept')
    failsAtLast(registerModel, registerAsked, [write, swap, swap], () => true)
  })

  test('an increment that counted twice, or not at all, fails', () => {
    for (const by of [1, -1]) failsAtLast(counterModel, counterAsked, [{ method: 'add' }, { method: 'read' }], (value) => value + by)
  })

  test('an object that comes back after it was deleted, or is made twice, fails', () => {
    failsAtLast(lifeModel, lifeAsked, [{ method: 'post' }, { method: 'delete' }, { method: 'read' }], () => 1)
    failsAtLast(lifeModel, lifeAsked, [{ method: 'post' }, { method: 'delete' }, { method: 'delete' }], () => true)
    failsAtLast(lifeModel, lifeAsked, [{ method: 'post' }, { method: 'create' }], () => 'created')
  })

  test('an alias that is taken twice, or left under both names, fails', () => {
    const take: AliasAsked = { method: 'set', name: 'new', target: 't', expected: 0 }
    const rename: AliasAsked = { method: 'rename', name: 'new', to: 'newer' }
    failsAtLast(aliasModel, aliasAsked, [take, take], () => 't@1000')
    failsAtLast(aliasModel, aliasAsked, [take, rename, { method: 'get', name: 'new' }], () => 't@1000')
    failsAtLast(aliasModel, aliasAsked, [take, rename, { method: 'get', name: 'newer' }], () => null)
  })

  test('an unknown call may count once, late, or never, but not before it began and not twice', () => {
    const add: CounterAsked = { method: 'add' }
    const read: CounterAsked = { method: 'read' }
    const kindOf = (...history: Operation<CounterAsked, number>[]) => checkLinearizable(counterModel, history).kind
    assert.equal(kindOf(unknown(add, 1), call(read, 2, 3, 0)), 'linearizable')
    assert.equal(kindOf(unknown(add, 1), call(read, 2, 3, 0), call(read, 4, 5, 1)), 'linearizable')
    assert.equal(kindOf(unknown(add, 1), call(read, 2, 3, 1), call(read, 4, 5, 0)), 'not-linearizable')
    assert.equal(kindOf(call(read, 1, 2, 1), unknown(add, 3)), 'not-linearizable')
    assert.equal(kindOf(unknown(add, 1), call(read, 2, 3, 2)), 'not-linearizable')
  })

  test('says the same as trying every order', () => {
    const said = { true: 0, false: 0 }
    const agree = <State, Asked, Answer extends Plain>(
      model: Model<State, Asked, Answer>,
      history: readonly Operation<Asked, Answer>[],
    ) => {
      const expected = tryAll(model, history)
      said[`${expected}`]++
      assert.equal(checkLinearizable(model, history).kind, expected ? 'linearizable' : 'not-linearizable')
    }
    fc.assert(
      fc.property(anyHistory(registerAsked, registerAnswer), (history) => agree(registerModel, history)),
      { numRuns: 3000 },
    )
    fc.assert(
      fc.property(
        anyHistory(counterAsked, () => fc.integer({ min: 0, max: 4 })),
        (history) => agree(counterModel, history),
      ),
      { numRuns: 1500 },
    )
    fc.assert(
      fc.property(
        anyHistory(lifeAsked, ({ method }) =>
          method === 'create'
            ? fc.constantFrom<string | boolean | number | null>('created', 'exists')
            : method === 'delete'
              ? fc.boolean()
              : fc.constantFrom(null, 0, 1, 2),
        ),
        (history) => agree(lifeModel, history),
      ),
      { numRuns: 1500 },
    )
    assert.ok(said.true > 300 && said.false > 300, `both verdicts were compared: ${JSON.stringify(said)}`)
  })

  test('gives up beyond a stated number of states, and says so', () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      unknown<RegisterAsked, string | boolean | null>({ method: 'write', value: `v${index}` }, index + 1),
    )
    const history = [...many, call<RegisterAsked, string | boolean | null>({ method: 'read' }, 100, 101, 'never written')]
    assert.deepEqual(checkLinearizable(registerModel, history, 5000), { kind: 'undecided', states: 5000 })
  })
})
