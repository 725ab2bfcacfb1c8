import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { checkLinearizable, type Model, type Operation } from './linearizability.ts'
import {
  type AliasAsked,
  aliasModel,
  type CounterAsked,
  counterModel,
  type LifeAsked,
  lifeModel,
  type RegisterAsked,
  registerModel,
} from './models.ts'

type Plain = string | number | boolean | null | undefined

const call = <Asked, Answer>(asked: Asked, invoked: number, at: number, answer: Answer): Operation<Asked, Answer> => ({
  asked,
  invoked,
  reply: { at, answer },
})
const unknown = <Asked, Answer>(asked: Asked, invoked: number): Operation<Asked, Answer> => ({ asked, invoked, reply: undefined })

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

/**
 * A history made by really doing the calls one at a time while their callers overlap: each step begins a call, does one
 * that has begun, tells a caller of one that was done, or loses a caller, whose call may still be done later.
 */
const really = <State, Asked, Answer extends Plain>(
  model: Model<State, Asked, Answer>,
  steps: readonly { readonly pick: number; readonly what: number; readonly asked: Asked }[],
  { callers = 5, losing = true } = {},
): { readonly history: Operation<Asked, Answer>[]; readonly end: number; readonly state: State } => {
  interface Open {
    readonly place: number
    readonly asked: Asked
    readonly invoked: number
    answer?: { readonly value: Answer }
    lost: boolean
  }
  const history: Operation<Asked, Answer>[] = []
  let open: Open[] = []
  let state = model.initial
  let now = 0
  const act = (one: Open) => {
    const [next, value] = model.apply(state, one.asked)
    state = next
    one.answer = { value }
  }
  const reply = (one: Open) => {
    if (one.answer !== undefined) history[one.place] = call(one.asked, one.invoked, ++now, one.answer.value)
    open = open.filter((other) => other !== one)
  }
  for (const { pick, what, asked } of steps) {
    const waiting = open.filter(({ lost }) => !lost)
    const undone = open.filter(({ answer }) => answer === undefined)
    const one = open[pick % Math.max(1, open.length)]
    if (what < 4 && waiting.length < callers) {
      const invoked = ++now
      open.push({ place: history.length, asked, invoked, lost: false })
      history.push(unknown(asked, invoked))
    } else if (what < 7 && undone.length > 0) act(undone[pick % undone.length]!)
    else if (what === 7 && losing && one !== undefined) one.lost = true
    else if (one?.lost === false && one.answer !== undefined) reply(one)
  }
  for (const one of open.filter(({ lost }) => !lost)) {
    if (one.answer === undefined) act(one)
    reply(one)
  }
  return { history, end: now, state }
}

const steps = <Asked>(asked: fc.Arbitrary<Asked>, most: number) =>
  fc.array(fc.record({ pick: fc.nat(1000), what: fc.nat(9), asked }), { maxLength: most, size: 'max' })
const letters = fc.constantFrom('a', 'b', 'c')
const registerAsked: fc.Arbitrary<RegisterAsked> = fc.oneof(
  fc.constant({ method: 'read' as const }),
  fc.record({ method: fc.constant('write' as const), value: letters }),
  fc.record({ method: fc.constant('compareAndSet' as const), expected: fc.option(letters), value: letters }),
)
const counterAsked: fc.Arbitrary<CounterAsked> = fc.record({ method: fc.constantFrom('read' as const, 'add' as const) })

const lifeAsked: fc.Arbitrary<LifeAsked> = fc.record({ method: fc.constantFrom('create', 'delete', 'post', 'read') })
const aliasNames = fc.constantFrom('x', 'y')
const revisions = fc.option(fc.nat(6), { nil: undefined }).map((expected) => (expected === undefined ? {} : { expected }))
const aliasAsked: fc.Arbitrary<AliasAsked> = fc.oneof(
  fc.record({ method: fc.constant('get' as const), name: aliasNames }),
  fc
    .tuple(fc.record({ method: fc.constant('set' as const), name: aliasNames, target: letters }), revisions)
    .map(([a, b]) => ({ ...a, ...b })),
  fc.tuple(fc.record({ method: fc.constant('remove' as const), name: aliasNames }), revisions).map(([a, b]) => ({ ...a, ...b })),
  fc.record({ method: fc.constant('rename' as const), name: aliasNames, to: aliasNames }),
)

/** Any calls with any answers, few enough to try all. */
const anyHistory = <Asked, Answer>(asked: fc.Arbitrary<Asked>, answer: (asked: Asked) => fc.Arbitrary<Answer>) =>
  fc
    .array(
      asked.chain((ask) =>
        fc.record({ asked: fc.constant(ask), answer: fc.option(answer(ask), { nil: undefined }), from: fc.nat(40), long: fc.nat(20) }),
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((calls) =>
      calls.map(({ asked: ask, answer: given, from, long }, index): Operation<Asked, Answer> => {
        const invoked = from * 100 + index
        return given === undefined ? unknown(ask, invoked) : call(ask, invoked, invoked + 50 + long * 100, given)
      }),
    )
const registerAnswer = ({ method }: RegisterAsked): fc.Arbitrary<string | boolean | null> =>
  method === 'read' ? fc.oneof(letters, fc.constant(null)) : method === 'write' ? fc.constant(null) : fc.boolean()

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
