import { readFile, stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { failure } from '../core/errors.ts'
import { fileFailure } from '../core/file-failure.ts'
import type { Remote } from '../core/remote.ts'
import { type AdoptOptions, formats } from '../objects/dataset/adopt.ts'
import { columnDtypes, type ColumnDtype } from '../objects/dataset/columns.ts'
import type { dataset } from '../objects/dataset/dataset.ts'
import { type FileLabels, fileLabels } from '../objects/dataset/file-labels.ts'
import { edgeRules } from '../objects/dataset/graph/graph-options.ts'
import { isImage, keyOf, shortKeyOf, skipReasonOf } from '../objects/dataset/names.ts'
import { createReport, refuseDoubts, type SkippedReport } from '../objects/dataset/report.ts'
import { type WalkedFile, walkFolder } from '../objects/dataset/walk.ts'
import type { Options, Parsed } from './command.ts'
import { humanBytes } from './output.ts'

/** Bytes of samples sent in one call. */
const GROUP = 16 * 1024 * 1024

export const datasetOptions = {
  adopt: { type: 'boolean', help: 'dataset: PATH is a folder, .tar, .csv, .tsv or .npy of the node, taken in where it lies' },
  strict: { type: 'boolean', help: 'dataset: whatever is doubtful or left out is an error, and nothing is put' },
  labels: {
    type: 'string',
    value: 'folder|class|cls',
    help: "dataset: a sample's label is the name of its folder; with --adopt also its number, or the number in the .cls file beside it",
  },
  format: { type: 'string', value: 'FORMAT', help: `--adopt: one of ${formats.join(', ')}, where the name does not tell` },
  label: { type: 'string', value: 'COLUMN', help: '--adopt csv, graph: the column of the labels; npy: the file of them' },
  id: { type: 'string', value: 'COLUMN', help: '--adopt csv, graph: the column of the ids' },
  group: { type: 'string', value: 'COLUMNS', help: '--adopt csv: rows alike in these are one time series' },
  features: { type: 'string', value: 'COLUMNS', help: '--adopt csv, graph: the columns that a sample is made of' },
  columns: {
    type: 'string',
    value: 'NAME=DTYPE,...',
    help: `--adopt csv, graph: dtypes of columns, each one of ${columnDtypes.join(', ')}; "string" leaves a column out of the features`,
  },
  fill: { type: 'string', value: 'NUMBER', help: '--adopt csv, graph: what stands for a missing number of a feature' },
  missing: { type: 'string', value: 'TEXTS', help: '--adopt csv, graph: spellings of a missing value beside the default ones' },
  delimiter: { type: 'string', value: 'CHARACTER', help: '--adopt csv, graph: what stands between fields' },
  decimal: { type: 'string', value: '.|,', help: '--adopt csv, graph: the decimal mark (default .)' },
  thousands: { type: 'string', value: 'CHARACTER', help: '--adopt csv, graph: the separator of thousands (default none)' },
  text: { type: 'string', value: 'COLUMN', help: '--adopt csv: the column of text that a sample is' },
  words: { type: 'string', value: 'COLUMN', help: "--adopt graph: the column of a node's words, as numbers" },
  'edges-by': { type: 'string', value: 'id|row', help: '--adopt graph: what edges hold, ids of nodes or the numbers of their rows' },
} as const satisfies Options

const oneOf = <T extends string>(args: Parsed, name: string, values: readonly T[]): T | undefined => {
  const given = args.text(name)
  const found = values.find((each) => each === given)
  if (given !== undefined && found === undefined) throw failure('invalid-argument', `--${name} ${given}: use one of ${values.join(', ')}`)
  return found
}

const columnsOf = (text: string): Record<string, ColumnDtype> =>
  Object.fromEntries(
    text.split(',').map((item) => {
      const at = item.lastIndexOf('=')
      const dtype = columnDtypes.find((each) => each === item.slice(at + 1))
      if (at < 1 || dtype === undefined)
        throw failure('invalid-argument', `--columns ${item}: use NAME=DTYPE, with one of ${columnDtypes.join(', ')}`)
      return [item.slice(0, at), dtype]
    }),
  )

const given = <T>(key: string, value: T | undefined) => (value === undefined ? {} : { [key]: value })

/** The options of `adopt` that were given; lists have commas between their items. @throws `invalid-argument` */
export const adoptOptionsOf = (args: Parsed): AdoptOptions => {
  const texts = Object.fromEntries(
    ['id', 'label', 'text', 'words', 'delimiter', 'thousands'].flatMap((name) => Object.entries(given(name, args.text(name)))),
  )
  const lists = Object.fromEntries(
    ['group', 'features', 'missing'].flatMap((name) => Object.entries(given(name, args.text(name)?.split(',')))),
  )
  const { label } = texts
  const fill = args.text('fill')
  if (fill !== undefined && (fill.trim() === '' || !Number.isFinite(Number(fill))))
    throw failure('invalid-argument', `--fill ${fill}: use a number`)
  const columns = args.text('columns')
  return {
    ...texts,
    ...lists,
    // An array's labels are a file beside it.
    ...(label?.endsWith('.npy') === true && { label: resolve(label) }),
    ...given('format', oneOf(args, 'format', formats)),
    ...given('labels', oneOf(args, 'labels', fileLabels)),
    ...given('decimal', oneOf(args, 'decimal', ['.', ','] as const)),
    ...given('edgesBy', oneOf(args, 'edges-by', edgeRules)),
    ...given('fill', fill === undefined ? undefined : Number(fill)),
    ...given('columns', columns === undefined ? undefined : columnsOf(columns)),
    ...(args.flag('strict') && { strict: true }),
  }
}

/** Endings of files that hold many samples each. */
const containers: ReadonlySet<string> = new Set(['.csv', '.tsv', '.npy', '.tar'])

/** What is pushed: the files named, and those of folders; of a folder with images the images alone. */
const pushed = async (paths: readonly string[], labels: FileLabels | undefined, strict: boolean) => {
  const report = createReport()
  const found: WalkedFile[] = []
  for (const path of paths) {
    const info = await stat(path).catch((error: unknown) => {
      throw fileFailure(path, error)
    })
    if (!info.isDirectory()) {
      if (containers.has(extname(path).toLowerCase()))
        report.doubt(`${path} is sent as one sample: --adopt makes samples of what it holds, where it lies on the node`)
      found.push({ id: basename(path), path })
      continue
    }
    const all = await walkFolder(path, { skip: report.skip })
    const images = all.filter(({ id }) => isImage(id))
    const keys = new Set(images.flatMap(({ id }) => [keyOf(id), shortKeyOf(id)]))
    if (images.length > 0) for (const { id } of all) if (!isImage(id)) report.skip(skipReasonOf(id, keys), id)
    found.push(...(images.length > 0 ? images : all))
  }
  const byId = new Map<string, string>()
  for (const { id, path } of found) {
    const other = byId.get(id)
    if (other !== undefined && other !== path)
      throw failure('invalid-argument', `${other} and ${path} would both have the id "${id}": put the folder above them`)
    byId.set(id, path)
  }
  if (found.length === 0) throw failure('not-found', `${paths.join(', ')}: no file to put${report.skippedText()}`)
  const flat = labels === undefined ? [] : found.filter(({ id }) => !id.includes('/'))
  if (flat.length > 0) report.doubt(`${flat.length} samples lie in no folder and have no label, first ${flat[0]?.id}`)
  if (strict) refuseDoubts(paths.join(', '), report.skipped, report.doubts)
  return { found, skipped: report.skipped, doubts: report.doubts }
}

export interface Pushed {
  readonly count: number
  readonly bytes: number
  readonly report: { readonly taken: number; readonly skipped: readonly SkippedReport[]; readonly doubts: readonly string[] }
}

/** Sends files of this machine to a data set, in groups. @param sent is called with the bytes sent so far */
export const pushFiles = async (
  set: Remote<typeof dataset>,
  paths: readonly string[],
  labels: FileLabels | undefined,
  strict: boolean,
  sent: (text: string) => void,
): Promise<Pushed> => {
  const { found, skipped, doubts } = await pushed(paths, labels, strict)
  let group: { id: string; bytes: Uint8Array; label?: string }[] = []
  let [size, total] = [0, 0]
  let result = { count: 0, bytes: 0 }
  const flush = async () => {
    if (group.length === 0) return
    result = await set.put(group)
    total += size
    sent(humanBytes(total))
    group = []
    size = 0
  }
  for (const { id, path } of found) {
    const bytes = await readFile(path).catch((error: unknown) => {
      throw fileFailure(path, error)
    })
    const folder = id.split('/').at(-2)
    group.push({ id, bytes, ...(labels === 'folder' && folder !== undefined && { label: folder }) })
    size += bytes.byteLength
    if (size >= GROUP) await flush()
  }
  await flush()
  return { ...result, report: { taken: found.length, skipped, doubts } }
}
