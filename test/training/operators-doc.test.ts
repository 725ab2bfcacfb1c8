import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { operatorsTable, withOperators } from '../../scripts/operators-doc.ts'
import { rules } from '../../src/training/rules/table.ts'

const page = readFileSync(new URL('../../docs/training.md', import.meta.url), 'utf8')

test('the table of operators in docs/training.md is what `npm run docs:operators` writes', () => {
  assert.ok(page.includes(operatorsTable()))
  assert.equal(withOperators(page), page)
})

test('the table has a row for every operator with a rule, and each row says by what', () => {
  const rows = [...operatorsTable().matchAll(/^\| `(\w+)` +\| (.*?) +\|/gm)].map(([, op = '', by = '']) => [op, by] as const)
  assert.deepEqual(rows.map(([op]) => op), Object.keys(rules).toSorted()) // prettier-ignore
  assert.deepEqual(rows.filter(([, by]) => by === ''), []) // prettier-ignore
})
