import fc from 'fast-check'
import type { Model, Operation } from './linearizability.ts'
import type { AliasAsked, CounterAsked, LifeAsked, RegisterAsked } from './models.ts'

export type Plain = string | number | boolean | null | undefined

/** A call that replied. */
export const call = <Asked, Answer>(asked: Asked, invoked: number, at: number, answer: Answer): Operation<Asked, Answer> => ({
  asked,
  invoked,
  reply: { at, answer },
})
/** A call of unknown outcome. */
export const unknown = <Asked, Answer>(asked: Asked, invoked: number): Operation<Asked, Answer> => ({ asked, invoked, reply: undefined })

/**
 * A history made by really doing the calls one at a time while their callers overlap: each step begins a call, does one
 * that has begun, tells a caller of one that was done, or loses a caller, whose call may still be done later.
 */
export const really = <State, Asked, Answer extends Plain>(
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

export const steps = <Asked>(asked: fc.Arbitrary<Asked>, most: number) =>
  fc.array(fc.record({ pick: fc.nat(1000), what: fc.nat(9), asked }), { maxLength: most, size: 'max' })
export const letters = fc.constantFrom('a', 'b', 'c')
export const registerAsked: fc.Arbitrary<RegisterAsked> = fc.oneof(
  fc.constant({ method: 'read' as const }),
  fc.record({ method: fc.constant('write' as const), value: letters }),
  fc.record({ method: fc.constant('compareAndSet' as const), expected: fc.option(letters), value: letters }),
)
export const counterAsked: fc.Arbitrary<CounterAsked> = fc.record({ method: fc.constantFrom('read' as const, 'add' as const) })

export const lifeAsked: fc.Arbitrary<LifeAsked> = fc.record({ method: fc.constantFrom('create', 'delete', 'post', 'read') })
const aliasNames = fc.constantFrom('x', 'y')
const revisions = fc.option(fc.nat(6), { nil: undefined }).map((expected) => (expected === undefined ? {} : { expected }))
export const aliasAsked: fc.Arbitrary<AliasAsked> = fc.oneof(
  fc.record({ method: fc.constant('get' as const), name: aliasNames }),
  fc
    .tuple(fc.record({ method: fc.constant('set' as const), name: aliasNames, target: letters }), revisions)
    .map(([a, b]) => ({ ...a, ...b })),
  fc.tuple(fc.record({ method: fc.constant('remove' as const), name: aliasNames }), revisions).map(([a, b]) => ({ ...a, ...b })),
  fc.record({ method: fc.constant('rename' as const), name: aliasNames, to: aliasNames }),
)

/** Any calls with any answers, few enough to try all. */
export const anyHistory = <Asked, Answer>(asked: fc.Arbitrary<Asked>, answer: (asked: Asked) => fc.Arbitrary<Answer>) =>
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
export const registerAnswer = ({ method }: RegisterAsked): fc.Arbitrary<string | boolean | null> =>
  method === 'read' ? fc.oneof(letters, fc.constant(null)) : method === 'write' ? fc.constant(null) : fc.boolean()
