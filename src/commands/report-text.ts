import { type AdoptReport, type ColumnReport, type SkippedReport, skippedSentence } from '../objects/dataset/report.ts'
import { table } from './output.ts'

type Shown = Partial<AdoptReport> & { readonly skipped: readonly SkippedReport[]; readonly doubts: readonly string[] }

const heading = (title: string, lines: readonly string[], more = 0): readonly string[] =>
  lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`), ...(more > 0 ? [`  and ${more} more`] : [])]

const columnRow = ({ name, dtype, role, missing, odd = [] }: ColumnReport): readonly string[] => [
  JSON.stringify(name),
  dtype,
  role,
  missing === 0 ? '' : `${missing} missing`,
  odd.length === 0 ? '' : `no numbers: ${odd.join(', ')}`,
]

/** The report of an adoption for people, one line after the other; empty where there is nothing to say. */
export const reportText = (report: Shown): string => {
  const { labels, ids, layout, columns = [], classes = [], skipped, doubts, notes = [] } = report
  const facts = [
    ...(layout === undefined ? [] : [`samples are ${layout}`]),
    ...(ids === undefined || ids === '' ? [] : [`ids: ${ids}`]),
    ...(ids === undefined ? [] : [`labels: ${labels ?? 'none'}`]),
  ]
  return [
    ...facts,
    ...heading('columns', columns.length === 0 ? [] : table(columns.map(columnRow)).split('\n'), report.moreColumns),
    ...heading(
      'classes',
      classes.length === 0 ? [] : table(classes.map(({ label, name, count }) => [String(label), name ?? '', count])).split('\n'),
      report.moreClasses,
    ),
    ...heading('left out', skipped.map(skippedSentence)),
    ...heading('notes', notes),
    ...heading('doubts', doubts, report.moreDoubts),
  ].join('\n')
}
