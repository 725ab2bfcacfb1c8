import { isActiveStorageError, trainer, type connect } from '../../../src/index.ts'
import type { Optimizer } from '../../../src/training/optimizer.ts'
import type { Case, ExportedFile } from './case.ts'

type Client = Awaited<ReturnType<typeof connect>>

export type Verdict = 'right' | 'warned' | 'noted' | 'refused' | 'not exported' | 'WRONG'

/** What came of one file. */
export interface Row {
  readonly name: string
  readonly way: string
  readonly verdict: Verdict
  /** What is wrong, or was said: in a line. */
  readonly why: string
}

const RATES = { sgd: 0.05, adam: 0.003 } as const
const FIRST_LOSS = 1e-5

const tried = async <T>(body: () => Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> => {
  try {
    return { value: await body() }
  } catch (error) {
    return { error }
  }
}

/** How far two curves are apart at the most, as a share of the second's first loss. */
const apart = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...b.map((loss, i) => Math.abs(loss - (a[i] ?? Number.NaN)))) / Math.abs(b[0] ?? Number.NaN)
const short = (value: number) => value.toExponential(1)
/** In one line, without the folders of the machine. */
const line = (text: string) =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\S*\/site-packages\//g, '')
    .slice(0, 300)

const specOf = ({ loss, output }: Case, kind: keyof typeof RATES) => ({
  loss: { kind: loss, target: 'target', ...(output !== undefined && { output }) },
  optimizer: { kind } satisfies Optimizer,
  learningRate: RATES[kind],
})

/** What the list of trained tensors gets wrong: a parameter that it misses, a tensor that is none. */
const wrongOfList = ({ trained }: Case, { places = {} }: ExportedFile, listed: readonly string[]): string | undefined => {
  const lost = trained.filter((name) => places[name] === undefined)
  const missed = trained.filter((name) => places[name] !== undefined && !listed.includes(places[name]))
  const parameters = new Set(trained.map((name) => places[name]))
  // Where parameters are gone, a tensor without a name may stand for them: the losses tell.
  const more = lost.length > 0 ? [] : listed.filter((name) => !parameters.has(name))
  const parts = [
    ...(missed.length > 0 ? [`not trained: ${missed.join(', ')}`] : []),
    ...(more.length > 0 ? [`trained, but no parameter: ${more.join(', ')}`] : []),
  ]
  return parts.length === 0 ? undefined : parts.join('; ')
}

/** Whether the list is wrong only in parameters that are frozen in the framework, which a plain file does not say. */
const isOfFrozen = ({ trained }: Case, { places = {} }: ExportedFile, listed: readonly string[]): boolean => {
  const frozen = new Set(Object.entries(places).flatMap(([name, place]) => (trained.includes(name) ? [] : [place])))
  return (
    trained.every((name) => places[name] !== undefined && listed.includes(places[name])) &&
    listed.every((name) => frozen.has(name) || trained.some((each) => places[each] === name))
  )
}

/** The losses of the steps of one optimizer at the node. */
const lossesOf = async (client: Client, each: Case, file: Uint8Array, kind: keyof typeof RATES): Promise<readonly number[]> => {
  const object = client.object(trainer, `${each.name}-${kind}`)
  await object.put(file, specOf(each, kind))
  const { session } = await object.start()
  const losses: number[] = []
  try {
    for (let step = 1; step <= (each.references[kind][0]?.length ?? 0); step++) {
      const { x, target } = each.batches[(step - 1) % each.batches.length] ?? {}
      if (x === undefined || target === undefined) throw new Error(`${each.name} has no batches`)
      losses.push((await object.step({ x, target }, { session, step })).loss)
    }
  } finally {
    // A node holds few models open at a time.
    await tried(() => object.save(session, { close: true }))
  }
  return losses
}

/** What is wrong with the losses of one optimizer. */
const wrongOfLosses = async (client: Client, each: Case, file: Uint8Array, kind: keyof typeof RATES): Promise<string | undefined> => {
  const losses = await lossesOf(client, each, file, kind)
  const references = each.references[kind]
  const exact = references.at(-1) ?? []
  const first = Math.abs((losses[0] ?? Number.NaN) - (exact[0] ?? 0)) / Math.abs(exact[0] ?? 1)
  const own = Math.max(FIRST_LOSS, ...references.flatMap((a) => references.map((b) => apart(a, b))))
  const distance = Math.min(...references.map((reference) => apart(losses, reference)))
  if (!(first <= FIRST_LOSS)) return `${kind}: the first loss is ${short(first)} from PyTorch's`
  return distance <= own ? undefined : `${kind}: 20 steps are ${short(distance)} apart (PyTorch's own spread: ${short(own)})`
}

/** Puts a file, trains it by both optimizers, and compares with PyTorch. */
export const judged = async (client: Client, each: Case, way: string): Promise<Row> => {
  const row = (verdict: Verdict, why: string): Row => ({ name: each.name, way, verdict, why: line(why) })
  const exported = each.files[way] ?? {}
  const { file, compared = file, warnings = [], refused, failed } = exported
  if (failed !== undefined) return row('not exported', failed)
  if (refused !== undefined || file === undefined) return row('refused', refused ?? 'no file')
  const put = await tried(() => client.object(trainer, `${each.name}-${way}`).put(each.bytes(file), specOf(each, 'sgd')))
  if ('error' in put) {
    const { error } = put
    const typed = isActiveStorageError(error) && error.code !== 'internal'
    return row(typed ? 'refused' : 'WRONG', error instanceof Error ? error.message : String(error))
  }
  const said = [...new Set([...warnings, ...put.value.warnings])]
  const wrong: string[] = []
  const listed = put.value.trained.first.map(({ name }) => name)
  const list = wrongOfList(each, exported, listed)
  if (list !== undefined) wrong.push(list)
  const vanished = exported.dropouts !== each.dropouts
  if (vanished) wrong.push(`${exported.dropouts} of ${each.dropouts} Dropouts are left`)
  for (const kind of ['sgd', 'adam'] as const) {
    const made = await tried(() => wrongOfLosses(client, each, each.bytes(compared ?? file), kind))
    if ('error' in made) wrong.push(`${kind}: ${made.error instanceof Error ? made.error.message : String(made.error)}`)
    else if (made.value !== undefined) wrong.push(made.value)
  }
  if (wrong.length === 0) return row('right', said.length === 0 ? 'as in PyTorch' : `as in PyTorch; said: ${said.join('; ')}`)
  // What no file of such an exporter can say: `put` has a note for all of them.
  const unknowable = list === undefined ? vanished && wrong.length === 1 : isOfFrozen(each, exported, listed)
  if (said.length === 0 && unknowable && put.value.notes.length > 0)
    return row('noted', `${put.value.notes.join('; ')} (${wrong.join('; ')})`)
  return row(said.length > 0 ? 'warned' : 'WRONG', said.length > 0 ? `${said.join('; ')} (${wrong.join('; ')})` : wrong.join('; '))
}
