// Kills a node under load, again and again: npm run crash -- --kills 100
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { crashRun } from './crash-run.ts'
import { drawFaults, faultKinds } from './faults/faults.ts'
import { type Mutant, mutantNames, mutants } from './mutants/mutants.ts'
import { countsOf, textOf } from './report.ts'
import { workloadNames } from './workloads/workloads.ts'

const usage = `Usage: npm run crash -- [options]

Kills a storage node with -9 at random instants while callers use it, restarts it at once on the same folder and port,
repeats every call of unknown outcome with its idempotency key, and checks all replies: nothing acknowledged is lost,
stale, torn or doubled, and the histories of registers and counters are linearizable. Meanwhile nodes are stopped and
continued, links are cut, stall or swallow what is sent, disks and descriptors fail, content is collected, and backups
are made, restored, and compared with what was acknowledged before they began.

  --kills N       kills (default 25)
  --minutes M     no more kills after so long (default: until all kills are done)
  --seed S        what the callers do and when the node is killed (default: drawn; how calls interleave is not seeded)
  --clients C     clients, each with connections of its own and some callers for each workload (default 4)
  --faults KIND   this fault alone beside the kills; may be repeated: ${faultKinds.join(', ')},
                  or none (default all: up to two at a time, and a collection or a backup)
  --only NAME     this workload alone; may be repeated: ${workloadNames.join(', ')}
  --mutant NAME   puts a fault into the node, to see it found:
${mutantNames.map((name) => `                    ${name.padEnd(12)} ${mutants[name].about}`).join('\n')}
  --json FILE     writes the report as data too
  --help          shows this

Ends with status 1 where anything was found, and prints the calls that show it.
`

const fail = (message: string): never => {
  process.stderr.write(`crash: ${message}\n\n${usage}`)
  process.exit(2)
}
const whole = (name: string, text: string | undefined, otherwise: number): number => {
  const number = text === undefined ? otherwise : Number(text)
  return Number.isSafeInteger(number) && number >= 1 ? number : fail(`--${name} ${text}: use a whole number from 1`)
}
const mutantOf = (text: string | undefined): Mutant | undefined =>
  text === undefined ? undefined : (mutantNames.find((name) => name === text) ?? fail(`--mutant ${text}: use ${mutantNames.join(', ')}`))

const parsed = () => {
  try {
    return parseArgs({
      options: {
        kills: { type: 'string' },
        minutes: { type: 'string' },
        seed: { type: 'string' },
        clients: { type: 'string' },
        faults: { type: 'string', multiple: true },
        only: { type: 'string', multiple: true },
        mutant: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean' },
      },
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
const kills = whole('kills', values.kills, 25)
const mutant = mutantOf(values.mutant)
const workloads = values.only?.map(
  (text) => workloadNames.find((name) => name === text) ?? fail(`--only ${text}: use ${workloadNames.join(', ')}`),
)
const kinds =
  values.faults?.join() === 'none'
    ? []
    : values.faults?.map((text) => faultKinds.find((kind) => kind === text) ?? fail(`--faults ${text}: use ${faultKinds.join(', ')}, none`))
const terminal = process.stdout.isTTY
const report = await crashRun({
  kills,
  seed: whole('seed', values.seed, 1 + Math.trunc(Math.random() * 1_000_000)),
  clients: whole('clients', values.clients, 4),
  ...(values.minutes !== undefined && { minutes: whole('minutes', values.minutes, 1) }),
  ...(mutant !== undefined && { mutant }),
  ...(workloads !== undefined && { workloads }),
  ...(kinds?.length !== 0 && { drawFaults: (draws) => drawFaults(draws, kinds) }),
  onKill({ kills: done, kill, faults, tally }) {
    const line = `kill ${done} of ${kills} (${[kill.when, ...faults].join(', ')}): ${tally.calls} calls, ${tally.acknowledged} acknowledged, ${tally.unknown} unknown`
    if (terminal) process.stdout.write(`\r${line.padEnd(78)}`)
    else if (faults.length > 0 || done % 10 === 0 || done === kills) process.stdout.write(`${line}\n`)
  },
})
process.stdout.write(`${terminal ? '\n' : ''}\n${textOf(report)}\n`)
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ ...report, counts: countsOf(report) }, undefined, 2)}\n`)
process.exitCode = report.findings.length === 0 ? 0 : 1
