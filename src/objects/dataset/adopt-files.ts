import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { byteLengthOf } from '../../core/dtype.ts'
import { failure } from '../../core/errors.ts'
import type { Content } from '../../core/self.ts'
import { tensorFromBytes } from '../../core/tensor.ts'
import { mapLimited } from '../concurrency.ts'
import type { Adopted } from './adopt-table.ts'
import { createClasses } from './classes.ts'
import { matcher } from './matcher.ts'
import { type NpyHeader, readNpyHeader } from './npy.ts'
import { MOST_SAMPLES, type Row } from './sample.ts'
import { indexTar } from './tar.ts'

/** Which files, and what their labels are. */
export interface FileAdoption {
  /** `folder`: the name of the folder that a sample is in. `class`: that folder's number among the data set's classes. */
  readonly labels?: 'folder' | 'class'
  /** Takes only ids that fit it, where "*" stands for any text. */
  readonly include?: string
}
type Files = Pick<Content, 'adopt' | 'adoptParts'>

const IMAGE = /\.(jpe?g|png|webp)$/i

/** Image files below a folder, in the order of their paths. Links are not followed. */
const imagesBelow = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw failure('not-found', `the folder ${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  })
  return entries
    .filter((entry) => entry.isFile() && IMAGE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

const none = (path: string, include: string | undefined) =>
  failure('not-found', `${path} holds no .jpg, .jpeg, .png or .webp file${include === undefined ? '' : ` that fits "${include}"`}`)

/** Samples with the labels that their ids give them. */
const labelled = (
  samples: readonly { readonly id: string; readonly row: Row }[],
  labels: FileAdoption['labels'],
  known: readonly string[],
): Adopted => {
  const folderOf = (id: string) => id.split('/').at(-2)
  const classes = createClasses(known, labels === 'class' ? samples.flatMap(({ id }) => folderOf(id) ?? []) : [])
  const rows = samples.map(({ id, row }): readonly [string, Row] => {
    const folder = labels === undefined ? undefined : folderOf(id)
    return [id, folder === undefined ? row : { ...row, label: labels === 'class' ? classes.numberOf(folder) : folder }]
  })
  return { rows, classes: classes.names }
}

/** The image files below a folder, each by its path there. */
export const adoptFolder = async (
  folder: string,
  { labels, include }: FileAdoption,
  known: readonly string[],
  files: Files,
  signal: AbortSignal,
): Promise<Adopted> => {
  const fits = matcher(include ?? '*')
  const idOf = (path: string) => relative(folder, path).split(sep).join('/')
  const paths = (await imagesBelow(folder)).filter((path) => fits(idOf(path)))
  if (paths.length === 0) throw none(folder, include)
  const samples = await mapLimited(paths, 16, async (path) => {
    if (signal.aborted) throw signal.reason
    return { id: idOf(path), row: { content: await files.adopt(path) } }
  })
  return labelled(samples, labels, known)
}

/** The image files in a tar, each by its path there: read from within the tar, which stays as it is. */
export const adoptTar = async (
  path: string,
  { labels, include }: FileAdoption,
  known: readonly string[],
  files: Files,
  signal: AbortSignal,
): Promise<Adopted> => {
  const fits = matcher(include ?? '*')
  // Of two entries of one name the later one counts, as it does for those who unpack.
  const entries = [
    ...new Map(
      (await indexTar(path, signal)).filter(({ name }) => IMAGE.test(name) && fits(name)).map((entry) => [entry.name, entry]),
    ).values(),
  ]
  if (entries.length === 0) throw none(path, include)
  const refs = await files.adoptParts(path, entries, signal)
  return labelled(
    entries.map(({ name }, index) => ({ id: name, row: { content: refs[index]! } })),
    labels,
    known,
  )
}

const wholeLabels = async (
  path: string,
  header: NpyHeader,
  files: Files,
  read: Content['read'],
  signal: AbortSignal,
): Promise<readonly number[]> => {
  if (header.shape.length !== 1 || header.dtype === 'float16' || header.dtype === 'bool')
    throw failure('invalid-argument', `${path}: labels are one number a sample, not ${header.dtype} (${header.shape.join(', ')})`)
  const [ref] = await files.adoptParts(path, [{ offset: header.offset, bytes: byteLengthOf(header.dtype, header.shape[0]!) }], signal)
  const tensor = tensorFromBytes(header.dtype, await read(ref!, signal), header.shape)
  return Array.from(tensor.data, Number)
}

/** The samples along the first axis of an array, by their places of nine digits; `label` is an array beside it. */
export const adoptNpy = async (
  path: string,
  label: string | undefined,
  known: readonly string[],
  files: Pick<Content, 'adopt' | 'adoptParts' | 'read'>,
  signal: AbortSignal,
): Promise<Adopted> => {
  const { dtype, shape, offset, stride } = await readNpyHeader(path)
  const [count = 0, ...sides] = shape
  if (count > MOST_SAMPLES) throw failure('too-large', `${path} has ${count} samples; the most is ${MOST_SAMPLES}: split it`)
  const read: Content['read'] = (ref, until) => files.read(ref, until)
  const labels = label === undefined ? undefined : await wholeLabels(label, await readNpyHeader(label), files, read, signal)
  if (labels !== undefined && labels.length !== count)
    throw failure('invalid-argument', `${label} has ${labels.length} labels for the ${count} samples of ${path}`)
  const refs = await files.adoptParts(
    path,
    Array.from({ length: count }, (_, index) => ({ offset: offset + index * stride, bytes: stride })),
    signal,
  )
  return {
    rows: refs.map((content, index): readonly [string, Row] => {
      const value = labels?.[index]
      return [String(index).padStart(9, '0'), { content, ...(value !== undefined && { label: value }) }]
    }),
    layout: { dtype, shape: sides },
    classes: known,
  }
}
