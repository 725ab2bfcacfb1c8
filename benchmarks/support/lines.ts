import { createInterface } from 'node:readline'

/** What a benchmark's processes tell each other: flat, one JSON object a line. */
export type Facts = Readonly<Record<string, number | string>>

export const parseFacts = (line: string): Facts => {
  const parsed: unknown = JSON.parse(line)
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`not an object: ${line}`)
  return Object.fromEntries(
    Object.entries(parsed).filter(
      (entry): entry is [string, number | string] => typeof entry[1] === 'number' || typeof entry[1] === 'string',
    ),
  )
}

export const numberIn = (facts: Facts, name: string): number => {
  const value = facts[name]
  if (typeof value !== 'number') throw new Error(`no number "${name}" in ${JSON.stringify(facts)}`)
  return value
}

/** Says in a child process what its parent waits for. */
export const tell = (facts: Facts): void => {
  process.stdout.write(`${JSON.stringify(facts)}\n`)
}

/** Answers its parent's questions one after the other, until stdin ends: a child never outlives who started it. */
export const answer = async (handlers: Readonly<Record<string, (asked: Facts) => Promise<Facts>>>): Promise<never> => {
  tell({ ready: 1 })
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = parseFacts(line)
    const handler = handlers[String(asked['op'])]
    if (handler === undefined) throw new Error(`no such question: ${line}`)
    tell(await handler(asked))
  }
  process.exit(0)
}
