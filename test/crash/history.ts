/** Puts everything that happens in a run in one order: each look at it gives the next whole number. */
export type Clock = () => number

export const createClock = (): Clock => {
  let now = 0
  return () => ++now
}

/** How a call ended, as its caller knows it. */
export type Outcome<Answer> =
  | { readonly kind: 'acknowledged'; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string }
  | { readonly kind: 'unknown' }

/** One call from its first try to its last answer, seen from outside of the node. */
export interface Entry<Asked, Answer> {
  readonly caller: number
  readonly object: string
  readonly asked: Asked
  readonly invoked: number
  /** Infinity while nothing definite is known. */
  replied: number
  outcome: Outcome<Answer>
  /** The node's life in which each try began, each life once. */
  readonly lives: number[]
  tries: number
}

/** The calls of one workload, in the order in which they began. */
export interface History<Asked, Answer> {
  readonly entries: readonly Entry<Asked, Answer>[]
  begin(caller: number, object: string, asked: Asked): Entry<Asked, Answer>
  end(entry: Entry<Asked, Answer>, outcome: Outcome<Answer>): void
}

export const createHistory = <Asked, Answer>(clock: Clock): History<Asked, Answer> => {
  const entries: Entry<Asked, Answer>[] = []
  return {
    entries,
    begin(caller, object, asked) {
      const entry: Entry<Asked, Answer> = {
        caller,
        object,
        asked,
        invoked: clock(),
        replied: Infinity,
        outcome: { kind: 'unknown' },
        lives: [],
        tries: 0,
      }
      entries.push(entry)
      return entry
    },
    end(entry, outcome) {
      entry.outcome = outcome
      if (outcome.kind !== 'unknown') entry.replied = clock()
    },
  }
}

export type AnyEntry = Entry<unknown, unknown>

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 200 ? `${text.slice(0, 160)}… (${text.length} characters)` : text
}
const ending = (outcome: Outcome<unknown>): string => {
  switch (outcome.kind) {
    case 'acknowledged':
      return `-> ${shown(outcome.answer)}`
    case 'failed':
      return `failed: ${outcome.code}: ${outcome.text.slice(0, 200)}`
    case 'unknown':
      return 'unknown'
  }
}

/** `[12, 15] caller 3, life 2 3, 2 tries: counter-1-1 {"method":"add"} -> 7` */
export const lineOf = ({ invoked, replied, caller, lives, tries, object, asked, outcome }: AnyEntry): string =>
  `[${invoked}, ${replied}] caller ${caller}, life ${lives.join(' ')}${tries > 1 ? `, ${tries} tries` : ''}: ${object} ${shown(asked)} ${ending(outcome)}`

/** The entries of each object, in the order in which they began. */
export const byObject = <Asked, Answer>(entries: readonly Entry<Asked, Answer>[]): ReadonlyMap<string, readonly Entry<Asked, Answer>[]> => {
  const found = new Map<string, Entry<Asked, Answer>[]>()
  for (const entry of entries) {
    const those = found.get(entry.object)
    if (those === undefined) found.set(entry.object, [entry])
    else those.push(entry)
  }
  return found
}

/** An entry whose answer is known. */
export type Answered<Asked, Answer> = Entry<Asked, Answer> & {
  readonly outcome: { readonly kind: 'acknowledged'; readonly answer: Answer }
}
export const isAnswered = <Asked, Answer>(entry: Entry<Asked, Answer>): entry is Answered<Asked, Answer> =>
  entry.outcome.kind === 'acknowledged'
