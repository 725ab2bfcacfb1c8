import type { Case } from './case.ts'
import type { Row } from './judge.ts'

const MARKS = { right: 'right', warned: 'warned', refused: 'refused', 'not exported': 'no export', WRONG: '**WRONG**' } as const
const cell = (text: string) => text.replaceAll('|', String.raw`\|`)

/** The table of verdicts, and below it what was said or is wrong. */
export const tableOf = (cases: readonly Case[], rows: readonly Row[]): string => {
  const ways = [...new Set(rows.map(({ way }) => way))]
  const rowOf = (name: string, way: string) => rows.find((each) => each.name === name && each.way === way)
  const lines = [
    ['network', 'what it shows', ...ways],
    ['---', '---', ...ways.map(() => '---')],
    ...cases.map(({ name, about }) => [`\`${name}\``, about, ...ways.map((way) => MARKS[rowOf(name, way)?.verdict ?? 'right'])]),
  ]
  const notes = rows.filter(({ verdict }) => verdict !== 'right')
  return [
    '# Exports, file by file',
    '',
    `Written by \`npm run exports\` (${[...new Set(cases.map(({ framework }) => framework))].join(', ')}, Node ${process.versions.node}). What the words mean: docs/exports.md.`,
    '',
    ...lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`),
    '',
    ...notes.map(({ name, way, verdict, why }) => `- \`${name}\`, ${way}: ${verdict}: ${cell(why)}`),
    '',
  ].join('\n')
}
