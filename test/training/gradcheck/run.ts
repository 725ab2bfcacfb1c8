// Checks the gradient of every operator against central differences in float64: npm run gradcheck
import { parseArgs } from 'node:util'
import { rules } from '../../../src/training/rules/table.ts'
import { cases, kinds } from './cases.ts'
import { gradcheck, type Outcome } from './gradcheck.ts'
import { equivalent, mutations, tryMutant } from './mutants.ts'

const usage = `Usage: npm run gradcheck -- [options]

Draws small graphs of each operator (shapes, attributes, broadcasts), and checks the gradient graph that is derived of each:
interpreted in float64 against central differences of a plain float64 reference, and run by onnxruntime in float32 with one
thread and with two, which must give the same bits. A case that fails is made smaller and printed.

  --op NAME    this operator alone; may be given more than once (default: all)
  --runs N     cases of each operator (default 200)
  --seed N     a whole number; the same seed draws the same cases (default: of the clock, printed)
  --mutants    breaks each rule on purpose in every way that is known, and checks that its cases show it
  --list       lists the operators, and how the kinks of each are avoided
  --help       shows this

Ends with status 1 where a check fails or a mutant survives.`

const print = (text: string) => process.stdout.write(`${text}\n`)
const whole = (name: string, text: string): number => {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0 || number > 2 ** 31 - 1)
    throw new Error(`--${name} ${text}: use a whole number below 2^31`)
  return number
}

const show = ({ op, runs, ms, failed }: Outcome): void => {
  print(`${failed ? 'FAILS ' : 'passes'}  ${op.padEnd(28)} ${String(runs).padStart(5)} cases ${(ms / 1000).toFixed(1).padStart(6)} s`)
  if (failed === undefined) return
  for (const { kind, says } of failed.findings) print(`        ${kind}: ${says}`)
  print(`        ${failed.kase.replaceAll('\n', '\n        ')}`)
}

const checkAll = async (ops: readonly string[], runs: number, seed: number): Promise<number> => {
  const outcomes: Outcome[] = []
  for (const op of ops) {
    const outcome = await gradcheck(op, { runs, seed })
    outcomes.push(outcome)
    show(outcome)
  }
  const failed = outcomes.filter((outcome) => outcome.failed !== undefined)
  const total = outcomes.reduce((sum, outcome) => sum + outcome.runs, 0)
  print(
    `\n${total} cases of ${outcomes.length} operators; ${failed.length === 0 ? 'all pass' : `${failed.map(({ op }) => op).join(', ')} fail`}`,
  )
  return failed.length === 0 ? 0 : 1
}

const tryAll = async (ops: readonly string[], runs: number, seed: number): Promise<number> => {
  let [killed, survived] = [0, 0]
  for (const op of ops) {
    const survivors: string[] = []
    let found = 0
    for (const mutation of mutations) {
      const { end } = await tryMutant(op, mutation, { runs, seed })
      if (end === 'found') found++
      if (end === 'survived' && equivalent[`${op}: ${mutation.name}`] === undefined) survivors.push(mutation.name)
    }
    killed += found
    // A rule that no mutant could break was not checked at all.
    if (found === 0) survivors.push('every mutant: none changed anything that a case shows')
    survived += survivors.length
    print(`${op.padEnd(28)} ${String(found).padStart(3)} mutants found${survivors.map((name) => `\n        SURVIVES: ${name}`).join('')}`)
  }
  print(`\n${killed} mutants of ${ops.length} rules found, ${survived} survive`)
  return survived === 0 ? 0 : 1
}

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      op: { type: 'string', multiple: true },
      runs: { type: 'string' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      mutants: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    print(usage)
    return 0
  }
  const ready = Object.keys(kinds).filter((op) => rules[op] !== undefined || cases[op] === undefined)
  const known = values.mutants ? ready.filter((op) => cases[op] !== undefined) : ready
  if (values.list) {
    for (const op of known) print(`${op.padEnd(28)} ${kinds[op]?.kinks ?? ''}`)
    return 0
  }
  const ops = values.op ?? known
  const unknown = ops.find((op) => !known.includes(op))
  if (unknown !== undefined) throw new Error(`--op ${unknown}: no such operator has a gradient; --list has those that do`)
  const seed = whole('seed', values.seed)
  const runs = whole('runs', values.runs ?? (values.mutants ? '60' : '200'))
  print(`npm run gradcheck -- --seed ${seed} --runs ${runs}${values.mutants ? ' --mutants' : ''}\n`)
  return values.mutants ? tryAll(ops, runs, seed) : checkAll(ops, runs, seed)
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
