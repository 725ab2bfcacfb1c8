// Simulates three storage nodes and their callers in virtual time: npm run simulate -- --seeds 2000
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { buildProduct } from './product/build.ts'
import { mutantOf, mutants } from './product/mutants.ts'
import { runSeeds } from './seeds.ts'
import { type Result, runSeed } from './simulation.ts'

const usage = `Usage: npm run simulate -- [options]

Runs three hosts and their callers in one process, in virtual time: every delay, order, fault and random number follows
from a seed. Links are cut, replies lost, disks full, hosts killed and clocks set while callers change, read and move
objects. A model of its own then holds all replies against what is there. See docs/testing.md.

  --seeds N       seeds to run (default 100)
  --from S        the first of them (default 1)
  --seed S        runs one seed, and prints the hash of its trace: the same seed gives the same hash
  --trace         with --seed: prints all events
  --jobs J        processes side by side (default: as many as there are processors)
  --mutant NAME   puts a fault into the product, and stops at the first seed that finds it; "all" tries each in turn:
${mutants.map(({ name, about }) => `                    ${name.padEnd(22)} ${about}`).join('\n')}
  --help          shows this

Ends with status 1 where a seed finds a fault; with --mutant, where none does.
`

const fail = (message: string): never => {
  process.stderr.write(`simulate: ${message}\n\n${usage}`)
  process.exit(2)
}
const whole = (name: string, text: string | undefined, otherwise: number): number => {
  const number = text === undefined ? otherwise : Number(text)
  return Number.isSafeInteger(number) && number >= 1 ? number : fail(`--${name} ${text}: use a whole number from 1`)
}
const parsed = () => {
  try {
    return parseArgs({
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        seed: { type: 'string' },
        trace: { type: 'boolean' },
        jobs: { type: 'string' },
        mutant: { type: 'string' },
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
const names = values.mutant === undefined ? [] : values.mutant === 'all' ? mutants.map(({ name }) => name) : [values.mutant]
for (const name of names) if (!mutants.some((mutant) => mutant.name === name)) fail(`--mutant ${name}: there is none of that name`)
const from = whole('from', values.from, 1)
const count = whole('seeds', values.seeds, 100)
const jobs = whole('jobs', values.jobs, availableParallelism())
const say = (line: string) => process.stdout.write(`${line}\n`)
const tellFound = ({ seed, found }: Result, mutant?: string) => {
  say(`seed ${seed}: ${found.length} found; npm run simulate -- --seed ${seed}${mutant === undefined ? '' : ` --mutant ${mutant}`}`)
  for (const what of found.slice(0, 10)) say(`  ${what}`)
  if (found.length > 10) say(`  and ${found.length - 10} more`)
}

const runOne = async (seed: number): Promise<boolean> => {
  const [name] = names
  const start = await buildProduct(name === undefined ? undefined : mutantOf(name))
  const result = await runSeed({ seed, start, ...(values.trace === true && { tell: say }) })
  if (result.found.length > 0) tellFound(result, name)
  say(`seed ${seed}: ${result.events} events, trace ${result.trace}, ${result.found.length} found`)
  return result.found.length === 0
}

/** @returns the results of the seeds that found something */
const runMany = async (mutant?: string): Promise<readonly Result[]> => {
  const began = performance.now()
  const failed: Result[] = []
  const total = new Map<string, number>()
  let [done, events] = [0, 0]
  await runSeeds({
    from,
    count,
    jobs,
    ...(mutant !== undefined && { mutant }),
    onResult(result) {
      done++
      events += result.events
      for (const [what, times] of Object.entries(result.counts)) total.set(what, (total.get(what) ?? 0) + times)
      if (result.found.length > 0) failed.push(result)
      if (result.found.length > 0 && mutant === undefined) tellFound(result)
      const line = `${done} of ${count} seeds, ${failed.length} found something, ${Math.round((performance.now() - began) / 1000)} s`
      if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(78)}${done === count ? '\n' : ''}`)
      else if (done % 100 === 0 || done === count) say(mutant === undefined ? line : `${mutant}: ${line}`)
      return mutant === undefined || failed.length === 0
    },
  })
  if (mutant === undefined) {
    say(
      `${events} events; ${[...total]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([what, times]) => `${what} ${times}`)
        .join(', ')}`,
    )
    say(failed.length === 0 ? `nothing found in ${done} seeds` : `seeds that found something: ${failed.map(({ seed }) => seed).join(', ')}`)
  }
  return failed
}

const runMutant = async (name: string): Promise<boolean> => {
  const [found] = (await runMany(name)).toSorted((a, b) => a.seed - b.seed)
  if (found === undefined) say(`${name}: NOT FOUND in ${count} seeds from ${from}`)
  else {
    say(`${name}: found by seed ${found.seed}`)
    say(`  ${found.found[0]}`)
  }
  return found !== undefined
}

let well = true
if (values.seed !== undefined) well = await runOne(whole('seed', values.seed, 1))
else if (names.length === 0) well = (await runMany()).length === 0
else for (const name of names) well = (await runMutant(name)) && well
process.exitCode = well ? 0 : 1
