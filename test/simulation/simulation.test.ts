import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { buildProduct } from './product/build.ts'
import { mutantOf, mutants } from './product/mutants.ts'
import { type Result, runSeed } from './simulation.ts'
import { runSeeds } from './seeds.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const SEEDS = 100

test(`${SEEDS} simulated runs with faults keep every promise`, async () => {
  const results: Result[] = []
  await runSeeds({ from: 1, count: SEEDS, jobs: 2, onResult: (result) => results.push(result) > 0 })
  assert.equal(results.length, SEEDS)
  assert.deepEqual(
    results.filter(({ found }) => found.length > 0).map(({ seed, found }) => ({ seed, found })),
    [],
  )
  // The runs do what they are for.
  const total = (what: string) => results.reduce((sum, { counts }) => sum + (counts[what] ?? 0), 0)
  for (const what of [
    'fault kill',
    'fault cut',
    'fault disk full',
    'fault clock step',
    'move done',
    'collected',
    'backup done',
    'adopt done',
    'asked again',
    'key of another call refused',
    'alias read',
  ])
    assert.ok(total(what) >= 20, `${what}: ${total(what)} times`)
})

test('one seed gives the same events in another process', async () => {
  const here = await runSeed({ seed: 7, start: await buildProduct() })
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'test/simulation/run.ts', '--seed', '7'], {
    cwd: root,
  })
  assert.match(stdout, new RegExp(`seed 7: ${here.events} events, trace ${here.trace}, 0 found`))
})

test('another seed gives other events', async () => {
  const start = await buildProduct()
  const [one, other] = [await runSeed({ seed: 1, start }), await runSeed({ seed: 2, start })]
  assert.notEqual(one.trace, other.trace)
})

test('every mutant can be put into the product', async () => {
  for (const mutant of mutants) await buildProduct(mutant)
})

for (const [name, most] of [
  ['released-twice', 3],
  ['key-of-any-call', 3],
  ['begin-drops-copy', 3],
] as const) {
  test(`the simulation finds the mutant ${name}`, async () => {
    const start = await buildProduct(mutantOf(name))
    let found = 0
    for (let seed = 1; seed <= most && found === 0; seed++) found = (await runSeed({ seed, start })).found.length
    assert.ok(found > 0)
  })
}
