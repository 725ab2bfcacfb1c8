// Abuses a node in one way after another, and measures what its other callers notice: npm run abuse -- --seconds 60
import { parseArgs } from 'node:util'
import { abuseRun, MEMORY_MIB, MOST_MIB, MOST_MS, type Verdict } from './abuse-run.ts'
import { abuseNames, abuses } from './abuses.ts'

const usage = `Usage: npm run abuse -- [options]

Starts a built node with --memory ${MEMORY_MIB}MiB, has one process abuse it, and asks it meanwhile from another: its health, and a
small call. A node that holds stays within ${MOST_MIB} MiB with all its processes, and answers within ${MOST_MS} ms.

  --seconds N     for how long each abuse goes on (default 60)
  --only NAME     this abuse alone; may be repeated:
${abuseNames.map((name) => `                    ${name.padEnd(14)} ${abuses[name].about}`).join('\n')}
  --help          shows this

Ends with status 1 where a node did not hold. Times are those of this machine: run it on one that is otherwise idle.
`
const fail = (message: string): never => {
  process.stderr.write(`abuse: ${message}\n\n${usage}`)
  process.exit(2)
}
const parsed = () => {
  try {
    return parseArgs({
      options: { seconds: { type: 'string' }, only: { type: 'string', multiple: true }, help: { type: 'boolean' } },
    }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}
const values = parsed()
if (values.help === true) {
  process.stdout.write(usage)
  process.exit(0)
}
const seconds = Number(values.seconds ?? 60)
if (!Number.isSafeInteger(seconds) || seconds < 1) fail(`--seconds ${values.seconds}: use a whole number from 1`)
const names = (values.only ?? abuseNames).map(
  (text) => abuseNames.find((name) => name === text) ?? fail(`--only ${text}: use ${abuseNames.join(', ')}`),
)

const row = (name: string, ...cells: readonly string[]) => `${name.padEnd(15)}${cells.map((cell) => cell.padStart(10)).join('')}`
const line = ({ name, restMib, peakMib, health, small, wrong }: Verdict) =>
  `${row(
    name,
    String(Math.round(restMib)),
    String(Math.round(peakMib)),
    String(Math.round(peakMib - MEMORY_MIB)),
    String(Math.round(health.worstMs)),
    String(Math.round(small.worstMs)),
    String(small.answers),
  )}  ${wrong.length === 0 ? 'holds' : `DOES NOT HOLD: ${wrong.join('; ')}`}`

process.stdout.write(`${row('abuse', 'rest MiB', 'peak MiB', 'over', 'health ms', 'call ms', 'calls')}  verdict\n`)
let broken = 0
for (const name of names) {
  const verdict = await abuseRun(name, seconds)
  if (verdict.wrong.length > 0) broken++
  process.stdout.write(`${line(verdict)}\n`)
}
process.stdout.write(`\n${names.length - broken} of ${names.length} hold\n`)
process.exit(broken > 0 ? 1 : 0)
