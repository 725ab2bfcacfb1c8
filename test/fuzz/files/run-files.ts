import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatNames, isFormat, type FormatName } from './format.ts'
import { formats } from './formats.ts'
import { type FileFuzzOptions, type FileReport, fuzzFiles } from './fuzz-files.ts'

const print = (text: string) => process.stdout.write(`${text}\n`)

/** Writes the inputs of findings into files, each of which is read again by `--replay`. */
const writeInputs = async (name: FormatName, { findings }: FileReport, seed: number): Promise<ReadonlyMap<number, string>> => {
  const files = new Map<number, string>()
  if (findings.length === 0) return files
  const session = await formats[name].open()
  for (const { index } of findings) {
    const { about, bytes, options } = session.make(seed, index)
    const file = join(tmpdir(), `active-storage-fuzz-${name}-${seed}-${index}.json`)
    writeFileSync(file, JSON.stringify({ about, base64: bytes.toString('base64'), options }))
    files.set(index, file)
  }
  await session.close()
  return files
}

const show = async (name: FormatName, report: FileReport, seed: number, replay: string | undefined) => {
  const { inputs, values, errors, findings, processes, mostMib, ms, codes } = report
  print(
    `${name}: ${inputs} inputs in ${(ms / 1000).toFixed(1)} s by ${processes} processes, seed ${seed}: ${values} values, ${errors} typed errors (${[
      ...codes,
    ]
      .map(([code, count]) => `${code} ${count}`)
      .join(', ')}), at most ${mostMib} MiB an input`,
  )
  const files = replay === undefined ? await writeInputs(name, report, seed) : new Map<number, string>()
  for (const { kind, says, index, times } of findings) {
    print(`\nFAULT ${kind} (${times} times), first input ${index}: ${says}`)
    const file = files.get(index)
    if (file !== undefined) print(`  npm run fuzz -- --format ${name} --replay ${file}`)
  }
  if (findings.length > 0) print(`${name}: ${findings.length} kinds of fault\n`)
}

/** Runs one format, or all. @returns the exit code */
export const runFiles = async (name: string, options: FileFuzzOptions): Promise<number> => {
  if (name !== 'all' && !isFormat(name)) throw new Error(`--format ${name}: use ${formatNames.join(', ')} or all`)
  // What was read so far is reported, too, where it is ended before its end.
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  let faults = 0
  for (const format of isFormat(name) ? [name] : formatNames) {
    const report = await fuzzFiles(format, {
      ...options,
      signal: stop.signal,
      ...(options.replay !== undefined && { from: 0, count: 1 }),
      onFinding: ({ kind, says, index }) => print(`  ${format}: input ${index}, ${kind}: ${says.split('\n', 1)[0]?.slice(0, 200)}`),
      onProgress: ({ inputs, ms, findings }) =>
        print(`  ${format}: ${inputs} inputs, ${(ms / 1000).toFixed(0)} s, ${findings.length} faults`),
    })
    await show(format, report, options.seed, options.replay)
    faults += report.findings.length
  }
  return faults === 0 ? 0 : 1
}
