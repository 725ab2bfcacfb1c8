import { extname, join } from 'node:path'
import { failure } from '../../core/errors.ts'
import { boolean, integer, list, number, object, oneOf, optional, record, string, union } from '../../core/schema.ts'
import type { AdoptableFile, Content } from '../../core/self.ts'
import type { FileAdoption } from './adopt-files.ts'
import type { Adopted, TableAdoption } from './adopted.ts'
import { columnDtypes } from './columns.ts'
import { fileLabels } from './file-labels.ts'
import { edgeRules, type GraphAdoption } from './graph/graph-options.ts'
import { type AdoptReport, createReport } from './report.ts'

export const formats = ['folder', 'tar', 'csv', 'npy', 'graph'] as const
export type Format = (typeof formats)[number]

/** What `adopt` may be told; which of it counts depends on the format. */
export interface AdoptOptions extends FileAdoption, Omit<TableAdoption, 'label'>, Omit<GraphAdoption, 'label'> {
  /** Default by the name: .tar, .csv, .tsv and .npy; a folder is one of images. */
  readonly format?: Format
  /** Names of classes in the order of their numbers, for sets that lack some. Default: sorted. */
  readonly classes?: readonly string[]
  /** The column with the labels; for NPY, the file with them. */
  readonly label?: string
  /** Makes every doubt of the report an error, so that nothing is adopted. Default false. */
  readonly strict?: boolean
}

const tables = [
  'columns',
  'fill',
  'missing',
  'defaultMissing',
  'decimal',
  'thousands',
  'quotes',
  'delimiter',
  'id',
  'label',
  'features',
] as const

const fields: Readonly<Record<Format, readonly (keyof AdoptOptions)[]>> = {
  folder: ['labels', 'include'],
  tar: ['labels', 'include'],
  csv: [...tables, 'text', 'group'],
  npy: ['label'],
  graph: [...tables, 'nodes', 'edges', 'edgesBy', 'words', 'width', 'directed'],
}
const byEnding: Readonly<Record<string, Format>> = { '.tar': 'tar', '.csv': 'csv', '.tsv': 'csv', '.npy': 'npy' }

const text = string({ minLength: 1, maxLength: 4096 })
const texts = list(text, { maxItems: 65_536 })
export const adoptOptions = object({
  format: optional(oneOf(formats)),
  classes: optional(texts),
  labels: optional(oneOf(fileLabels)),
  include: optional(string({ maxLength: 4096 })),
  columns: optional(record(oneOf(columnDtypes))),
  fill: optional(number()),
  missing: optional(list(string({ maxLength: 64 }), { maxItems: 64 })),
  defaultMissing: optional(boolean()),
  decimal: optional(oneOf(['.', ','])),
  thousands: optional(string({ minLength: 1, maxLength: 1 })),
  quotes: optional(boolean()),
  delimiter: optional(string()),
  id: optional(text),
  label: optional(text),
  features: optional(texts),
  text: optional(text),
  group: optional(union([text, texts])),
  nodes: optional(text),
  edges: optional(text),
  words: optional(text),
  width: optional(integer({ minimum: 1 })),
  edgesBy: optional(oneOf(edgeRules)),
  directed: optional(boolean()),
  strict: optional(boolean()),
})

/** Files that a user may mean, and what to make of them. */
const hints: Readonly<Record<string, string>> = {
  '.npz': 'save each array of it with numpy.save',
  '.gz': 'unpack it (gunzip)',
  '.tgz': 'unpack it to a plain tar (gunzip)',
  '.bz2': 'unpack it (bunzip2)',
  '.xz': 'unpack it (unxz)',
  '.zst': 'unpack it (unzstd)',
  '.zip': 'unpack it to a folder',
  '.parquet': 'save the table as CSV',
  '.xlsx': 'save the table as CSV',
  '.xls': 'save the table as CSV',
}

const formatOf = ({ path, kind }: AdoptableFile, given: Format | undefined): Format => {
  const folder = kind === 'folder'
  const format = given ?? (folder ? 'folder' : byEnding[extname(path).toLowerCase()])
  if (format === undefined || kind === 'other')
    throw failure(
      'invalid-argument',
      `${path} is no folder, .tar, .csv, .tsv or .npy file: ${hints[extname(path).toLowerCase()] ?? 'name the format'}`,
    )
  const wanted = format === 'folder' || format === 'graph'
  if (wanted !== folder)
    throw failure(
      'invalid-argument',
      `${path} is ${folder ? 'a folder' : 'a file'}, and format "${format}" is read from ${wanted ? 'a folder' : 'a file'}`,
    )
  return format
}

/** Samples of one of the formats, and the report of what became of the files. */
export interface AdoptedFiles extends Adopted {
  readonly report: AdoptReport
}

/**
 * Looks at files of the node in one of the formats, and makes samples of them.
 * @param known the names of the classes that the data set has so far
 * @throws `invalid-argument` under `strict` where the report has any doubt
 */
export const adoptFiles = (
  path: string,
  options: AdoptOptions,
  known: readonly string[],
  content: Content,
  signal: AbortSignal,
): Promise<AdoptedFiles> => content.withAdoptable(path, (opened) => adoptOpened(opened, options, known, content, signal))

const adoptOpened = async (
  opened: AdoptableFile,
  options: AdoptOptions,
  known: readonly string[],
  content: Content,
  signal: AbortSignal,
): Promise<AdoptedFiles> => {
  const { path } = opened
  const format = formatOf(opened, options.format)
  const { format: _, classes: given, strict = false, ...rest } = options
  const stray = Object.entries(rest).find(([key, value]) => value !== undefined && !fields[format].some((name) => name === key))
  if (stray !== undefined)
    throw failure('invalid-argument', `option "${stray[0]}" says nothing of format "${format}": it takes ${fields[format].join(', ')}`)
  if (given !== undefined && known.some((name, number) => given[number] !== name))
    throw failure('invalid-argument', `classes: the data set's classes have other numbers already: ${known.join(', ').slice(0, 400)}`)
  const twice = given?.find((name, index) => given.indexOf(name) !== index)
  if (twice !== undefined) throw failure('invalid-argument', `classes: "${twice.slice(0, 80)}" stands twice`)
  const classes = given ?? known
  const report = createReport()
  // Readers of formats are loaded by the host that adopts, not by clients that know of the type.
  const read = async (): Promise<Adopted> => {
    switch (format) {
      case 'folder':
        return (await import('./adopt-files.ts')).adoptFolder(path, rest, classes, content, report, signal)
      case 'tar':
        return (await import('./adopt-files.ts')).adoptTar(opened, rest, classes, content, report, signal)
      case 'csv':
        return (await import('./adopt-table.ts')).adoptTable(opened, rest, classes, (bytes) => content.put(bytes), report, signal)
      case 'npy': {
        const { adoptNpy } = await import('./adopt-npy.ts')
        if (rest.label === undefined) return adoptNpy(opened, undefined, classes, content, report, signal)
        return content.withAdoptable(rest.label, (label) => adoptNpy(opened, label, classes, content, report, signal))
      }
      case 'graph': {
        const { adoptGraph } = await import('./graph/adopt-graph.ts')
        const put = (bytes: Uint8Array) => content.put(bytes)
        return content.withAdoptable(join(path, rest.nodes ?? 'nodes.tsv'), (nodes) =>
          content.withAdoptable(join(path, rest.edges ?? 'edges.tsv'), (edges) =>
            adoptGraph(path, { nodes, edges }, rest, classes, put, report, signal),
          ),
        )
      }
    }
  }
  const adopted = await read()
  return { ...adopted, report: await report.finish({ format, path, strict }, adopted) }
}
