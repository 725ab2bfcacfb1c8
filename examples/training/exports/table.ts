import type { Case } from './case.ts'
import type { Row } from './judge.ts'

const MARKS = {
  right: 'right',
  warned: 'warned',
  noted: 'noted',
  refused: 'refused',
  'not exported': 'no export',
  WRONG: '**WRONG**',
} as const
const cell = (text: string) => text.replaceAll('|', String.raw`\|`)

/** The table of verdicts, and below it what was said or is wrong. */
export const tableOf = (cases: readonly Case[], rows: readonly Row[]): string => {
  const ways = [...new Set(rows.map(({ way }) => way))]
  const markOf = (row: Row | undefined) => (row === undefined ? '' : MARKS[row.verdict])
  const rowOf = (name: string, way: string) => rows.find((each) => each.name === name && each.way === way)
  const cells = [
    ['network', 'what it shows', ...ways],
    ...cases.map(({ name, about }) => [`\`${name}\``, about, ...ways.map((way) => markOf(rowOf(name, way)))]),
  ]
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => cell(row[i] ?? '').length)))
  const lines = cells.map((row) => `| ${row.map((text, i) => cell(text).padEnd(widths[i] ?? 0)).join(' | ')} |`)
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  const notes = rows.filter(({ verdict }) => verdict !== 'right')
  return [
    '# Exports, file by file',
    '',
    `Written by \`npm run exports\` (${[...new Set(cases.map(({ framework }) => framework))].join(', ')}, Node ${process.versions.node}). What the words mean: docs/exports.md.`,
    '',
    ...lines,
    '',
    ...notes.map(({ name, way, verdict, why }) => `- \`${name}\`, ${way}: ${verdict}: ${cell(why)}`),
    '',
  ].join('\n')
}
