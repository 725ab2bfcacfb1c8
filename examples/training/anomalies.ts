// How well rare readings are found, and what two rules that learn little or nothing find of them.
import { readFile } from 'node:fs/promises'

interface Reading {
  readonly humidity: number
  readonly anomaly: boolean
}

/** 2 TP / (2 TP + FP + FN). */
export const f1 = (found: readonly boolean[], truth: readonly boolean[]): number => {
  const count = (want: (found: boolean, truth: boolean) => boolean) => truth.filter((each, i) => want(found[i] ?? false, each)).length
  const hits = count((given, right) => given && right)
  const wrong = count((given, right) => given !== right)
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + wrong)
}

/** The readings of each mote of a file, by the id that its series has in the data set. */
const readings = async (file: string): Promise<ReadonlyMap<string, readonly Reading[]>> => {
  const [header = '', ...lines] = (await readFile(file, 'utf8')).trim().split('\n')
  const names = header.trim().split(',')
  const [mote, indoor, humidity, label] = ['mote_id', 'indoor', 'humidity', 'label'].map((name) => names.indexOf(name))
  const motes = new Map<string, Reading[]>()
  for (const line of lines) {
    const values = line.trim().split(',')
    const id = `${values[mote ?? 0] ?? ''}/${values[indoor ?? 0] ?? ''}`
    const known = motes.get(id) ?? []
    motes.set(id, known)
    known.push({ humidity: Number(values[humidity ?? 0]), anomaly: Number(values[label ?? 0]) === 1 })
  }
  return motes
}

/** F1 on the motes `test` of calling every reading an anomaly, and of the humidity from which on that does best on the others. */
export const floors = async (
  files: readonly string[],
  test: ReadonlySet<string>,
): Promise<{ all: number; threshold: number; from: number }> => {
  const motes = (await Promise.all(files.map(readings))).flatMap((each) => [...each])
  const [known, unseen] = [false, true].map((part) => motes.flatMap(([id, each]) => (test.has(id) === part ? each : [])))
  const by = (set: readonly Reading[] | undefined, from: number) =>
    f1(
      (set ?? []).map(({ humidity }) => humidity > from),
      (set ?? []).map(({ anomaly }) => anomaly),
    )
  const from = Array.from({ length: 101 }, (_, percent) => percent).reduce(
    (best, each) => (by(known, each) > by(known, best) ? each : best),
    0,
  )
  return { all: by(unseen, -1), threshold: by(unseen, from), from }
}
