// Writes the table of operators in docs/training.md from the rules, their cases and what they refuse.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { flat, rules } from '../src/training/rules/table.ts'
import { families } from '../test/training/gradcheck/cases.ts'
import { floatInputs, stillInputs } from '../test/training/gradcheck/inputs.ts'
import { refusals } from '../test/training/gradcheck/refusals.ts'

const BEGIN = '<!-- operators: written by `npm run docs:operators` -->'
const END = '<!-- end of operators -->'

const row = (op: string, family: string): readonly string[] => {
  const names = (floatInputs[op] ?? []).filter((name) => name !== '')
  const moving = names.filter((name) => stillInputs[`${op} ${name}`] === undefined)
  const refused = new Set(refusals.filter((refusal) => refusal.op === op).map(({ what }) => what))
  return [`\`${op}\``, moving.join(', '), families[family]?.[op]?.kinks ?? '', [...refused].join('; '), `${family}.ts`]
}

/** The table, between its two marks. */
export const operatorsTable = (): string => {
  const rows = Object.entries(families)
    .flatMap(([family, cases]) => Object.keys(cases).map((op) => [op, family] as const))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, family]) => row(op, family))
  const table = [['Operator', 'Gradient by', 'How its cases avoid kinks', 'Refused', 'Cases'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0))) ?? []
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  const [first = [], ...others] = table.map(line)
  const still = Object.entries(stillInputs).map(([name, why]) => `- \`${name.replace(' ', '`, ')}: ${why}.\n`)
  return `${BEGIN}

${Object.keys(rules).length} operators have a rule.

${String(first)}${line(widths.map((width) => '-'.repeat(width)))}${others.join('')}
No gradient flows through ${[...flat].map((op) => `\`${op}\``).join(', ')}, which move in jumps alone or not at all, nor through
comparisons, indices, and casts to whole numbers. Inputs of operators above through which none flows:

${still.join('')}
${END}`
}

/** A page with the table written again. */
export const withOperators = (page: string): string => {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error('docs/training.md lacks the marks between which its table of operators stands')
  return page.slice(0, from) + operatorsTable() + page.slice(to + END.length)
}

const target = fileURLToPath(new URL('../docs/training.md', import.meta.url))
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, withOperators(readFileSync(target, 'utf8')))
