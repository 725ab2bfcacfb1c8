// Sends mutated calls to a storage node, or has mutated files read: npm run fuzz -- wire, npm run fuzz -- --format csv
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { recordCorpus } from './corpus.ts'
import { formatNames } from './files/format.ts'
import { runFiles } from './files/run-files.ts'
import { defaults, fuzz, type FuzzOptions, type Report } from './fuzz.ts'
import { planOf } from './mutate.ts'
import { fromText, type Plan, toText } from './plan.ts'
import { startNode } from './target.ts'

const usage = `Usage: npm run fuzz -- wire [options]
       npm run fuzz -- --format FORMAT [options]

wire: starts a storage node in a process and folder of its own, and sends it mutated calls over HTTP/2.
--format: has mutated files read by processes of their own, and values compared with those of other readers.
FORMAT is ${formatNames.join(', ')}, or all. models: ONNX files put and run; inputs: extremes for sound models.

  --messages N   how many messages (default 50000)
  --count N      how many files (default 20000)
  --seed S       a whole number; the same seed makes the same (default: of the clock, printed)
  --seconds T    wire: ends after this time at the latest
  --from I       begins at the message or file of this index (default 0)
  --batch N      files that one process reads before the next takes its place (default 2000)
  --replay FILE  sends or reads again what an earlier run wrote into a file
  --help         shows this

Ends with status 1 where a check fails. Each kind of failure is printed once, with a file that holds what was sent.`

const print = (text: string) => process.stdout.write(`${text}\n`)

const show = (report: Report, seed: number) => {
  const { messages, ms, rss, descriptors, ends, faults, canaries, putOff } = report
  print(`${messages} messages in ${(ms / 1000).toFixed(1)} s, ${((messages * 1000) / ms).toFixed(0)} a second; seed ${seed}`)
  print(`canary: ${canaries} times; put off ${putOff} times`)
  print(
    `memory: ${rss.start.toFixed(0)} MiB at the start, ${rss.warm.toFixed(0)} after the warm-up, ${rss.peak.toFixed(0)} at the most, ${rss.end.toFixed(0)} at the end; descriptors: ${descriptors.before} before, ${descriptors.after} after`,
  )
  for (const [end, count] of [...ends].sort(([, a], [, b]) => b - a)) print(`  ${String(count).padStart(7)}  ${end}`)
  for (const [number, { check, says, plans, times }] of faults.entries()) {
    print(`\nFAULT ${check} (${times} times): ${says}`)
    if (plans.length === 0) continue
    const file = join(tmpdir(), `active-storage-fuzz-${seed}-${number}.json`)
    writeFileSync(file, toText(plans))
    print(`  ${plans.length === 1 ? `message ${plans[0]?.index}` : `${plans.length} messages were under way`}: ${plans[0]?.about}`)
    print(`  npm run fuzz -- wire --replay ${file}`)
  }
  print(faults.length === 0 ? '\nAll checks passed.' : `\n${faults.length} kinds of failure.`)
}

const whole = (name: string, text: string): number => {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} ${text}: use a whole number`)
  return number
}

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      format: { type: 'string' },
      count: { type: 'string', default: '20000' },
      batch: { type: 'string', default: '2000' },
      messages: { type: 'string', default: '50000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      seconds: { type: 'string' },
      from: { type: 'string', default: '0' },
      replay: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.format !== undefined && !values.help)
    return await runFiles(values.format, {
      seed: whole('seed', values.seed),
      count: whole('count', values.count),
      from: whole('from', values.from),
      batch: Math.max(1, whole('batch', values.batch)),
      ...(values.replay !== undefined && { replay: values.replay }),
    })
  if (values.help || positionals[0] !== 'wire') {
    print(usage)
    return values.help ? 0 : 2
  }
  const seed = whole('seed', values.seed)
  const from = whole('from', values.from)
  const count = whole('messages', values.messages)
  const corpus = await recordCorpus()
  function* generated(): Generator<Plan> {
    for (let index = from; index < from + count; index++) yield planOf(corpus, seed, index)
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const clock = values.seconds === undefined ? undefined : setTimeout(() => stop.abort(), Number(values.seconds) * 1000)
  const options: FuzzOptions = {
    ...defaults,
    atOnce: values.replay === undefined ? defaults.atOnce : 1,
    signal: stop.signal,
    onProgress: ({ messages, ms, rss, faults }) => {
      if (messages % 5000 === 0)
        print(`  ${messages} messages, ${(ms / 1000).toFixed(0)} s, at most ${rss.peak.toFixed(0)} MiB, ${faults.length} faults`)
    },
  }
  print(
    values.replay === undefined ? `seed ${seed}: npm run fuzz -- wire --seed ${seed} --messages ${count}` : `replaying ${values.replay}`,
  )
  await using target = await startNode()
  const report = await fuzz(target, values.replay === undefined ? generated() : fromText(readFileSync(values.replay, 'utf8')), options)
  clearTimeout(clock)
  show(report, seed)
  return report.faults.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
