import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { failure } from '../../core/errors.ts'
import { boolean, integer, list, number, object, oneOf, optional, record, string, union } from '../../core/schema.ts'
import type { Content } from '../../core/self.ts'
import type { FileAdoption } from './adopt-files.ts'
import type { Adopted, TableAdoption } from './adopt-table.ts'
import { columnDtypes } from './columns.ts'
import type { GraphAdoption } from './graph/adopt-graph.ts'

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
}

const fields: Readonly<Record<Format, readonly (keyof AdoptOptions)[]>> = {
  folder: ['labels', 'include'],
  tar: ['labels', 'include'],
  csv: ['columns', 'fill', 'delimiter', 'id', 'label', 'features', 'text', 'group'],
  npy: ['label'],
  graph: ['columns', 'fill', 'delimiter', 'id', 'label', 'features', 'nodes', 'edges', 'words', 'width', 'directed'],
}
const byEnding: Readonly<Record<string, Format>> = { '.tar': 'tar', '.csv': 'csv', '.tsv': 'csv', '.npy': 'npy' }

const text = string({ minLength: 1, maxLength: 4096 })
const texts = list(text, { maxItems: 65_536 })
export const adoptOptions = object({
  format: optional(oneOf(formats)),
  classes: optional(texts),
  labels: optional(oneOf(['folder', 'class'])),
  include: optional(string()),
  columns: optional(record(oneOf(columnDtypes))),
  fill: optional(number()),
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
  directed: optional(boolean()),
})

const formatOf = async (path: string, given: Format | undefined): Promise<Format> => {
  const info = await stat(path).catch((error: unknown) => {
    throw failure('not-found', `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  })
  const folder = info.isDirectory()
  const format = given ?? (folder ? 'folder' : byEnding[extname(path).toLowerCase()])
  if (format === undefined || (!folder && !info.isFile()))
    throw failure('invalid-argument', `${path} is no folder, .tar, .csv, .tsv or .npy file: name the format`)
  const wanted = format === 'folder' || format === 'graph'
  if (wanted !== folder)
    throw failure(
      'invalid-argument',
      `${path} is ${folder ? 'a folder' : 'a file'}, and format "${format}" is read from ${wanted ? 'a folder' : 'a file'}`,
    )
  return format
}

// Readers of formats are loaded by the host that adopts, not by clients that know of the type.
const files = () => import('./adopt-files.ts')

/**
 * Looks at files of the node in one of the formats, and makes samples of them.
 * @param known the names of the classes that the data set has so far
 */
export const adoptFiles = async (
  path: string,
  options: AdoptOptions,
  known: readonly string[],
  content: Content,
  signal: AbortSignal,
): Promise<Adopted> => {
  await content.adoptable(path)
  const format = await formatOf(path, options.format)
  const { format: _, classes: given, ...rest } = options
  const stray = Object.entries(rest).find(([key, value]) => value !== undefined && !fields[format].some((name) => name === key))
  if (stray !== undefined)
    throw failure('invalid-argument', `option "${stray[0]}" says nothing of format "${format}": it takes ${fields[format].join(', ')}`)
  if (given !== undefined && known.some((name, number) => given[number] !== name))
    throw failure('invalid-argument', `classes: the data set's classes have other numbers already: ${known.join(', ').slice(0, 400)}`)
  const classes = given ?? known
  switch (format) {
    case 'folder':
      return (await files()).adoptFolder(path, rest, classes, content, signal)
    case 'tar':
      return (await files()).adoptTar(path, rest, classes, content, signal)
    case 'csv':
      return (await import('./adopt-table.ts')).adoptTable(path, rest, classes, (bytes) => content.put(bytes), signal)
    case 'npy':
      if (rest.label !== undefined) await content.adoptable(rest.label)
      return (await files()).adoptNpy(path, rest.label, classes, content, signal)
    case 'graph':
      for (const file of [rest.nodes ?? 'nodes.tsv', rest.edges ?? 'edges.tsv']) await content.adoptable(join(path, file))
      return (await import('./graph/adopt-graph.ts')).adoptGraph(path, rest, classes, (bytes) => content.put(bytes), signal)
  }
}
