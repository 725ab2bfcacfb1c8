import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flat, rules } from '../../src/training/rules/table.ts'
import { cases, kinds } from './gradcheck/cases.ts'
import { gradcheck } from './gradcheck/gradcheck.ts'
import { equivalent, mutations, tryMutant } from './gradcheck/mutants.ts'
import { operators } from './reference/interpret.ts'

// The short form: `npm run gradcheck` has more cases of each operator, and `-- --mutants` every mutant.
const RUNS = 8
const SEED = 20
const MUTANT_RUNS = 40
const known = Object.keys(cases)

test('every rule has cases, every case a rule, and the reference knows each operator', () => {
  assert.deepEqual(Object.keys(rules).toSorted(), known.toSorted())
  assert.deepEqual(known.filter((op) => operators[op] === undefined || flat.has(op)), []) // prettier-ignore
})

test('every gradient is what differences in float64 give, and onnxruntime gives it too, with the same bits at one and two threads', async (t) => {
  for (const op of Object.keys(kinds)) {
    await t.test(op, async () => {
      const { failed } = await gradcheck(op, { runs: RUNS, seed: SEED })
      assert.equal(failed, undefined, failed && `${failed.findings.map(({ kind, says }) => `${kind}: ${says}`).join('\n')}\n${failed.kase}`)
    })
  }
})

test('a rule that is broken is found by its cases, whichever', async () => {
  // Of each rule: a gradient a hundredth too large, of the wrong sign, and lost. The first input of a Where has none, a OneHot its third alone.
  const chosen = mutations.filter(({ name }) => /^gradient [0-2] (?!in reverse)/.test(name))
  assert.equal(chosen.length, 9)
  for (const op of known) {
    const ends = await Promise.all(chosen.map((mutation) => tryMutant(op, mutation, { runs: MUTANT_RUNS, seed: SEED })))
    assert.deepEqual(ends.filter(({ end }) => end === 'survived'), []) // prettier-ignore
    assert.ok(ends.filter(({ end }) => end === 'found').length >= 3, op)
  }
})

test('a sum over a broadcast that is no sum is found', async () => {
  const mutation = mutations.find(({ name }) => name === 'ReduceMean instead of ReduceSum')
  assert.ok(mutation)
  for (const op of ['Add', 'Mul', 'Where', 'Expand', 'MatMul', 'Conv']) {
    assert.equal((await tryMutant(op, mutation, { runs: MUTANT_RUNS, seed: SEED })).end, 'found', op)
  }
})

test('a mutant that is let live has cases, and lives', async () => {
  for (const name of Object.keys(equivalent)) {
    const [op = '', rest] = name.split(': ')
    const mutation = mutations.find((one) => one.name === rest)
    assert.ok(mutation, name)
    assert.equal((await tryMutant(op, mutation, { runs: RUNS, seed: SEED })).end, 'survived', name)
  }
})

test('a gradient that cannot be made is a finding, not a crash', async () => {
  const { Add: _, ...rest } = rules
  const { failed } = await gradcheck('Add', { runs: 1, seed: SEED, rules: rest, ort: false })
  assert.match(failed?.findings[0]?.says ?? '', /\[unsupported\] node Add \(Add\)/)
})
