import { failure } from '../../core/errors.ts'
import { integer, list, number, object, oneOf, optional, string, union } from '../../core/schema.ts'
import { eachSliced, mapSliced, nextSlice, sliceIsOver, sortSliced } from '../../core/slices.ts'
import type { Adopted } from './adopted.ts'
import type { Label, Row } from './sample.ts'

/** Why something is no sample, with the sentence that says so. */
export const skipReasons = {
  hidden: 'hidden files and folders, and files of the operating system',
  'other-image': 'images in a format that is not read: convert them to JPEG, PNG or WebP',
  'no-ending': 'files without any ending: rename images to .jpg, .png or .webp',
  'no-image': 'files without the ending of an image',
  'label-file': 'files beside an image that are not read: labels come from .cls files or from folders',
  'link-outside': 'links that lead out of the folders that may be adopted',
  'link-broken': 'links that lead nowhere',
  'link-loop': 'links to a folder that they lie in',
  'link-folder': 'links to folders within a tar: write the tar with --dereference',
  'not-a-file': 'devices, sockets and pipes',
  replaced: 'entries that a later entry of the same name replaces',
  'self-loop': 'edges from a node to itself',
} as const
export type SkipReason = keyof typeof skipReasons
/** What is left out for these reasons is no doubt, and no error under `strict`. */
const ordinary: ReadonlySet<SkipReason> = new Set(['hidden', 'self-loop'])

export const columnRoles = ['feature', 'label', 'id', 'group', 'text', 'words', 'left out'] as const
export type ColumnRole = (typeof columnRoles)[number]

export interface SkippedReport {
  readonly reason: SkipReason
  readonly count: number
  /** The first few, as paths or places. */
  readonly examples: readonly string[]
}
export interface ColumnReport {
  readonly name: string
  readonly dtype: string
  readonly role: ColumnRole
  /** Cells that hold one of the spellings of a missing value. */
  readonly missing: number
  /** Cells that are no number in a column that holds numbers too: the first few, as line:column and text. */
  readonly odd?: readonly string[]
}
export interface ClassReport {
  readonly label: Label
  /** The name of the class, where labels are numbers of classes. */
  readonly name?: string
  readonly count: number
}

/** What `adopt` took, left out and doubted. Lists are bounded; `more...` counts what they leave out. */
export interface AdoptReport {
  readonly format: string
  readonly taken: number
  /** Where labels come from, e.g. `column "kind" (classes)`. Absent where samples have none. */
  readonly labels?: string
  readonly ids: string
  /** dtype and shape of a sample, where all are alike. */
  readonly layout?: string
  readonly skipped: readonly SkippedReport[]
  readonly columns?: readonly ColumnReport[]
  readonly moreColumns?: number
  readonly classes?: readonly ClassReport[]
  readonly moreClasses?: number
  /** What may be wrong, in sentences: errors under `strict`. */
  readonly doubts: readonly string[]
  readonly moreDoubts?: number
  /** Rules that were applied, in sentences. */
  readonly notes: readonly string[]
}

const MOST_EXAMPLES = 5
const MOST_LISTED = 100
const MOST_DOUBTS = 50
const MOST_TEXT = 200
/** More labels than these are measures, not classes. */
const MOST_COUNTED = 65_536

const cut = (text: string): string => (text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}...` : text)

/** Gathers a report while samples are made. */
export interface ReportBuilder {
  skip(reason: SkipReason, example: string): void
  doubt(sentence: string): void
  note(sentence: string): void
  column(column: ColumnReport): void
  labels: string | undefined
  ids: string
  readonly skipped: readonly SkippedReport[]
  readonly doubts: readonly string[]
  /** What was left out so far, for an error: empty where nothing was. */
  skippedText(): string
  /** @throws `invalid-argument` under `strict` where there is any doubt */
  finish(of: { readonly format: string; readonly path: string; readonly strict: boolean }, adopted: Adopted): Promise<AdoptReport>
}

/** Labels with their counts: those of classes by number, others by value; undefined where there are too many to be classes. */
const countsOf = async (rows: readonly (readonly [string, Row])[], classes: readonly string[]): Promise<ClassReport[] | undefined> => {
  const counts = new Map<Label, number>()
  for (const [, { label }] of rows) {
    if (sliceIsOver()) await nextSlice()
    if (label === undefined) continue
    counts.set(label, (counts.get(label) ?? 0) + 1)
    if (counts.size > MOST_COUNTED) return undefined
  }
  const entries = await sortSliced([...counts], ([a], [b]) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1,
  )
  return mapSliced(entries, ([label, count]) => {
    const name = typeof label === 'number' ? classes[label] : undefined
    return { label: typeof label === 'string' ? cut(label) : label, ...(name !== undefined && { name: cut(name) }), count }
  })
}

/** Names that a reader would take for one another: equal but for case, spaces around them or the form of their accents. */
const lookAlikes = async (names: readonly string[]): Promise<readonly (readonly [string, string])[]> => {
  const seen = new Map<string, string>()
  const found: (readonly [string, string])[] = []
  await eachSliced(names, (name) => {
    const key = name.trim().normalize('NFC').toLowerCase()
    const other = seen.get(key)
    if (other === undefined) seen.set(key, name)
    else found.push([other, name])
  })
  return found
}

export const createReport = (): ReportBuilder => {
  const skipped = new Map<SkipReason, { count: number; examples: string[] }>()
  const doubts: string[] = []
  const notes: string[] = []
  const columns: ColumnReport[] = []
  const skippedReports = () => [...skipped].map(([reason, held]): SkippedReport => ({ reason, ...held }))
  return {
    doubts,
    labels: undefined,
    ids: '',
    get skipped() {
      return skippedReports()
    },
    skip(reason, example) {
      const held = skipped.get(reason) ?? { count: 0, examples: [] }
      skipped.set(reason, held)
      if (held.count++ < MOST_EXAMPLES) held.examples.push(cut(example))
    },
    doubt: (sentence) => void doubts.push(sentence),
    note: (sentence) => void notes.push(sentence),
    column: (column) => void columns.push({ ...column, name: cut(column.name) }),
    skippedText: () => (skipped.size === 0 ? '' : `; left out: ${skippedReports().map(skippedSentence).join('; ')}`),
    async finish({ format, path, strict }, { rows, classes, layout }) {
      const left = skippedReports()
      const counts = await countsOf(rows, classes)
      const names = classes.length > 0 ? classes : (counts ?? []).flatMap(({ label }) => (typeof label === 'string' ? [label] : []))
      for (const [one, other] of await lookAlikes(names))
        doubts.push(
          `classes ${JSON.stringify(cut(one))} and ${JSON.stringify(cut(other))} differ only in case, spaces or the form of accents`,
        )
      if (strict) refuseDoubts(path, left, doubts)
      return {
        format,
        taken: rows.length,
        ...(this.labels !== undefined && { labels: this.labels }),
        ids: this.ids,
        ...(layout !== undefined && {
          layout: `${layout.dtype} [${layout.shape.join(', ')}]${layout.series === true ? ' a step of a time series' : ''}`,
        }),
        skipped: left,
        ...(columns.length > 0 && { columns: columns.slice(0, MOST_LISTED) }),
        ...(columns.length > MOST_LISTED && { moreColumns: columns.length - MOST_LISTED }),
        ...(counts !== undefined && counts.length > 0 && { classes: counts.slice(0, MOST_LISTED) }),
        ...(counts !== undefined && counts.length > MOST_LISTED && { moreClasses: counts.length - MOST_LISTED }),
        doubts: doubts.slice(0, MOST_DOUBTS),
        ...(doubts.length > MOST_DOUBTS && { moreDoubts: doubts.length - MOST_DOUBTS }),
        notes: notes.length > MOST_DOUBTS ? [...notes.slice(0, MOST_DOUBTS), `and ${notes.length - MOST_DOUBTS} more notes`] : notes,
      }
    },
  }
}

/** One reason as a sentence, with its first examples. */
export const skippedSentence = ({ reason, count, examples }: SkippedReport): string =>
  `${count} ${skipReasons[reason]} (${examples.join(', ')}${count > examples.length ? ', ...' : ''})`

/** @throws `invalid-argument` that lists the doubts, where there are any */
export const refuseDoubts = (path: string, skipped: readonly SkippedReport[], doubts: readonly string[]): void => {
  const all = [...doubts, ...skipped.filter(({ reason }) => !ordinary.has(reason)).map((each) => `left out: ${skippedSentence(each)}`)]
  if (all.length === 0) return
  const more = all.length > MOST_EXAMPLES ? `\n- and ${all.length - MOST_EXAMPLES} more` : ''
  throw failure(
    'invalid-argument',
    `${path} is not adopted, for strict allows no doubt:\n${all
      .slice(0, MOST_EXAMPLES)
      .map((each) => `- ${each}`)
      .join('\n')}${more}`,
  )
}

/**
 * Adds the samples that took the place of others with the same ids: those of a second table, say, where ids are row numbers.
 * @throws `invalid-argument` under `strict`
 */
export const withReplaced = (report: AdoptReport, path: string, replaced: readonly string[], strict: boolean): AdoptReport => {
  if (replaced.length === 0) return report
  const doubt = `${replaced.length} samples replace others of the same ids, first ${JSON.stringify(cut(replaced[0]!))}: name a column of ids, or use a data set of its own`
  if (strict) refuseDoubts(path, [], [doubt])
  return { ...report, doubts: [...report.doubts, doubt] }
}

const count = integer({ minimum: 0 })
const texts = list(string())
const reasons = Object.keys(skipReasons).filter((key): key is SkipReason => Object.hasOwn(skipReasons, key))
export const adoptReport = object({
  format: string(),
  taken: count,
  labels: optional(string()),
  ids: string(),
  layout: optional(string()),
  skipped: list(object({ reason: oneOf(reasons), count, examples: texts })),
  columns: optional(list(object({ name: string(), dtype: string(), role: oneOf(columnRoles), missing: count, odd: optional(texts) }))),
  moreColumns: optional(count),
  classes: optional(list(object({ label: union([string(), number()]), name: optional(string()), count }))),
  moreClasses: optional(count),
  doubts: texts,
  moreDoubts: optional(count),
  notes: texts,
})
