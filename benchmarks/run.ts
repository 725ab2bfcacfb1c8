// Runs the benchmark of a name, and ends in one line a claim: npm run bench -- NAME
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { detailsOf, lineOf, type Measurement, type Result, verdictOf } from './support/claim.ts'
import { machine, machineLine } from './support/machine.ts'
import { build } from './support/processes.ts'

const usage = `Usage: npm run bench -- NAME [options]

  --only CLAIM   measures this claim alone (and what is measured with it); may be repeated
  --json FILE    writes the results as data too
  --list         lists the benchmarks, or the claims of NAME
  --no-build     takes dist/ as it is
  --help         shows this

Ends with status 1 where a claim is missed or could not be measured.`

const folder = fileURLToPath(new URL('.', import.meta.url))
const names = () =>
  readdirSync(folder)
    .filter((entry) => entry.endsWith('.ts') && entry !== 'run.ts')
    .map((entry) => entry.slice(0, -3))

const measurementsOf = async (name: string): Promise<readonly Measurement[]> => {
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(`${folder}${name}.ts`))
    throw new Error(`there is no benchmark "${name}"; there are ${names().join(', ')}`)
  const loaded: { readonly measurements: readonly Measurement[] } = await import(new URL(`./${name}.ts`, import.meta.url).href)
  return loaded.measurements
}

const chosen = (all: readonly Measurement[], only: readonly string[]): readonly Measurement[] => {
  const unknown = only.find((id) => !all.some(({ claims }) => claims.includes(id)))
  if (unknown !== undefined) throw new Error(`there is no claim "${unknown}"; there are ${all.flatMap(({ claims }) => claims).join(', ')}`)
  return only.length === 0 ? all : all.filter(({ claims }) => claims.some((id) => only.includes(id)))
}

interface Failed {
  readonly claims: readonly string[]
  readonly error: string
}

/** Measures one after the other; what cannot be measured does not keep the rest from it. */
const measure = async (measurements: readonly Measurement[]): Promise<{ results: Result[]; failed: Failed[] }> => {
  const results: Result[] = []
  const failed: Failed[] = []
  for (const measurement of measurements) {
    const { claims, about } = measurement
    console.log(`\n${about}`)
    const began = performance.now()
    try {
      for (const result of await measurement.run()) {
        results.push(result)
        console.log(`  ${lineOf(result)}`)
        if (result.details !== undefined) console.log(`    ${detailsOf(result)}`)
      }
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      failed.push({ claims, error: text })
      console.log(`  not measured: ${text}`)
    }
    console.log(`  (${((performance.now() - began) / 1000).toFixed(0)} s)`)
  }
  return { results, failed }
}

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [name] = positionals
  if (values.help || (name === undefined && !values.list)) {
    console.log(`${usage}\n\nBenchmarks: ${names().join(', ')}`)
    return values.help ? 0 : 2
  }
  if (name === undefined) {
    console.log(names().join('\n'))
    return 0
  }
  const all = await measurementsOf(name)
  if (values.list) {
    for (const { claims, about } of all) console.log(`${claims.join(', ')}\n  ${about}`)
    return 0
  }
  const wanted = chosen(all, values.only)
  if (!values['no-build']) build()
  const where = machine()
  console.log(machineLine(where))
  const { results, failed } = await measure(wanted)

  console.log(`\n${machineLine(where)}`)
  for (const result of results) console.log(lineOf(result))
  for (const { claims } of failed) console.log(`not measured: ${claims.join(', ')}`)
  if (values.json !== undefined) {
    const data = {
      benchmark: name,
      machine: where,
      claims: results.map((result) => ({ ...result, verdict: verdictOf(result), line: lineOf(result) })),
      failed,
    }
    writeFileSync(values.json, `${JSON.stringify(data, undefined, 2)}\n`)
  }
  return failed.length > 0 || results.some((result) => verdictOf(result) === 'missed') ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
