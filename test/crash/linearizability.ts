/**
 * Decides whether a history of calls on one object could have come from doing them one after the other, each at some
 * instant between its invocation and its reply: the search of Wing and Gong ("Testing and verifying concurrent
 * objects", 1993), with Lowe's memory of what was tried (2017). Calls whose outcome is unknown may have happened at any
 * time after they were invoked, or never.
 */

/** What an object of one kind does, one call at a time. A state is plain data. */
export interface Model<State, Asked, Answer extends Plain> {
  readonly initial: State
  apply(state: State, asked: Asked): readonly [State, Answer]
}
type Plain = string | number | boolean | null | undefined

/** One call as its caller saw it. Times are of one clock, and no two are equal. */
export interface Operation<Asked, Answer> {
  readonly asked: Asked
  readonly invoked: number
  /** Undefined where the outcome is unknown. */
  readonly reply: { readonly at: number; readonly answer: Answer } | undefined
}

export type Verdict<Op> =
  | { readonly kind: 'linearizable'; readonly order: readonly Op[] }
  | {
      readonly kind: 'not-linearizable'
      /** The longest order found, the state that it leads to, and the calls of which none can be next. */
      readonly order: readonly Op[]
      readonly state: unknown
      readonly stuck: readonly Op[]
    }
  | { readonly kind: 'undecided'; readonly states: number }

/** States remembered before the search gives up: some 100 MB. */
const STATES = 1_000_000

interface Frame<State> {
  readonly state: State
  /** Places of the calls that may come next, of which `tried` were. */
  readonly next: readonly number[]
  tried: number
}

/** @param most states to look at before the answer is "undecided" */
export const checkLinearizable = <State, Asked, Answer extends Plain>(
  model: Model<State, Asked, Answer>,
  history: readonly Operation<Asked, Answer>[],
  most: number = STATES,
): Verdict<Operation<Asked, Answer>> => {
  const byInvocation = history.toSorted((a, b) => a.invoked - b.invoked)
  const known = byInvocation.filter(({ reply }) => reply !== undefined)
  const unknown = byInvocation.filter(({ reply }) => reply === undefined)
  const all = [...known, ...unknown]
  const like = unknown.map(({ asked }) => JSON.stringify(asked))
  const done = new Uint8Array(all.length)
  let first = 0
  let left = known.length

  /** Known calls that nothing keeps from being next, the one that replied first in front; then unknown ones. */
  const candidates = (): number[] => {
    let bound = Infinity
    const found: number[] = []
    for (let at = first; at < known.length && known[at]!.invoked < bound; at++) {
      if (done[at] === 1) continue
      found.push(at)
      bound = Math.min(bound, known[at]!.reply!.at)
    }
    const next = found.sort((a, b) => known[a]!.reply!.at - known[b]!.reply!.at)
    // Of unknown calls that ask the same, the one that began first can stand for any other.
    const seen = new Set<string>()
    for (const [index, { invoked }] of unknown.entries()) {
      if (invoked >= bound) break
      if (done[known.length + index] === 1 || seen.has(like[index]!)) continue
      seen.add(like[index]!)
      next.push(known.length + index)
    }
    return next
  }
  const mark = (at: number, value: 0 | 1) => {
    done[at] = value
    if (at >= known.length) return
    left += value === 1 ? -1 : 1
    if (value === 0) first = Math.min(first, at)
    else while (first < known.length && done[first] === 1) first++
  }
  const keyOf = (state: State) => {
    const beyond: number[] = []
    // Nothing invoked after a call that is still open can be done.
    let bound = Infinity
    for (let at = first; at < known.length && known[at]!.invoked < bound; at++) {
      if (done[at] === 1) beyond.push(at)
      else bound = Math.min(bound, known[at]!.reply!.at)
    }
    for (let at = known.length; at < all.length; at++) if (done[at] === 1) beyond.push(at)
    return `${first} ${beyond.join()} ${JSON.stringify(state)}`
  }

  const order: number[] = []
  let longest: { readonly order: readonly number[]; readonly state: State; readonly next: readonly number[] } | undefined
  const frameOf = (state: State): Frame<State> => {
    const next = candidates()
    if (longest === undefined || order.length > longest.order.length) longest = { order: [...order], state, next }
    return { state, next, tried: 0 }
  }
  const named = (places: readonly number[]) => places.map((at) => all[at]!)

  const seen = new Set<string>([keyOf(model.initial)])
  const frames = [frameOf(model.initial)]
  while (left > 0) {
    const frame = frames.at(-1)
    if (frame === undefined) {
      const { order: best, state, next } = longest!
      return { kind: 'not-linearizable', order: named(best), state, stuck: named(next) }
    }
    const at = frame.next[frame.tried++]
    if (at === undefined) {
      frames.pop()
      const last = order.pop()
      if (last !== undefined) mark(last, 0)
      continue
    }
    const { asked, reply } = all[at]!
    const [state, answer] = model.apply(frame.state, asked)
    if (reply === undefined ? JSON.stringify(state) === JSON.stringify(frame.state) : answer !== reply.answer) continue
    mark(at, 1)
    const key = keyOf(state)
    if (seen.has(key)) {
      mark(at, 0)
      continue
    }
    if (seen.size >= most) return { kind: 'undecided', states: seen.size }
    seen.add(key)
    order.push(at)
    frames.push(frameOf(state))
  }
  return { kind: 'linearizable', order: named(order) }
}
