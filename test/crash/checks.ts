import { type AnyEntry, byObject, type Entry, isAnswered } from './history.ts'
import { checkLinearizable, type Model } from './linearizability.ts'
import { type Checked, type Finding, finding } from './workload.ts'

/** Calls that the node refused, though nothing was wrong with them. */
export const refusals = (entries: readonly AnyEntry[]): Finding[] =>
  entries.flatMap((entry) =>
    entry.outcome.kind === 'failed' ? [finding('refused', entry.object, `a call was refused: ${entry.outcome.code}`, [entry])] : [],
  )

/** Checks each object's history on its own. */
export const checkEach = <Asked, Answer>(
  entries: readonly Entry<Asked, Answer>[],
  check: (object: string, entries: readonly Entry<Asked, Answer>[]) => readonly Finding[],
): { readonly findings: Finding[]; readonly objects: number } => {
  const objects = byObject(entries)
  return { findings: [...objects].flatMap(([object, own]) => check(object, own)), objects: objects.size }
}

const around = <E extends AnyEntry>(entries: readonly E[], stuck: readonly E[]): readonly E[] => {
  const from = Math.min(...stuck.map(({ invoked }) => invoked))
  const to = Math.max(...stuck.map(({ replied, invoked }) => (replied === Infinity ? invoked : replied)))
  const before = entries.filter(({ replied }) => replied < from).slice(-10)
  return [...before, ...entries.filter(({ invoked, replied }) => replied >= from && invoked <= to)]
}

/** Whether each object's history is one of `model`. Unknown reads say nothing and are left out. */
export const checkModel = <State, Asked, Answer extends string | number | boolean | null>(
  model: Model<State, Asked, Answer>,
  history: readonly Entry<Asked, Answer>[],
  isRead: (asked: Asked) => boolean,
): Checked => {
  let linearizable = 0
  const { findings, objects } = checkEach(history, (object, entries) => {
    const operations = entries
      .filter((entry) => isAnswered(entry) || (entry.outcome.kind === 'unknown' && !isRead(entry.asked)))
      .map((entry) => ({
        entry,
        asked: entry.asked,
        invoked: entry.invoked,
        reply: isAnswered(entry) ? { at: entry.replied, answer: entry.outcome.answer } : undefined,
      }))
    const verdict = checkLinearizable(model, operations)
    if (verdict.kind === 'linearizable') {
      linearizable++
      return []
    }
    if (verdict.kind === 'undecided') return [finding('undecided', object, `no verdict within ${verdict.states} states`, entries)]
    const entryOf = new Map(operations.map((operation) => [operation.invoked, operation.entry]))
    const stuck = verdict.stuck.flatMap(({ invoked }) => entryOf.get(invoked) ?? [])
    const what = `after ${verdict.order.length} of ${operations.length} calls the state is ${JSON.stringify(verdict.state)}, and no call can be next`
    return [finding('not-linearizable', object, what, around(entries, stuck))]
  })
  return { findings, objects, linearizable }
}
