import { failure } from '../../core/errors.ts'
import { eachSliced, filterSliced, mapSliced, nextSlice, sliceIsOver } from '../../core/slices.ts'
import type { Adopted } from './adopted.ts'
import { createClasses } from './classes.ts'
import type { ReportBuilder } from './report.ts'
import type { Label, Row } from './sample.ts'

/**
 * `folder`: the name of the folder that a sample is in. `class`: that folder's number among the data set's classes. `cls`: the
 * whole number in the file beside it that ends in .cls, as WebDataset has it.
 */
export const fileLabels = ['folder', 'class', 'cls'] as const
export type FileLabels = (typeof fileLabels)[number]

interface Unlabelled {
  readonly id: string
  readonly row: Row
}

const shown = (text: string) => JSON.stringify(text.slice(0, 80))

/** The number in a .cls file. @throws `bad-sample` naming the file */
export const classFileLabel = (place: string, bytes: Uint8Array): number => {
  const text = Buffer.from(bytes.subarray(0, 64)).toString('utf8').trim()
  const value = Number(text)
  if (!/^-?\d{1,20}$/.test(text) || bytes.byteLength > 64)
    throw failure(
      'bad-sample',
      `${place} holds ${shown(text)}: a .cls file holds one whole number, the label; take labels from folders otherwise`,
    )
  if (!Number.isSafeInteger(value)) throw failure('bad-sample', `${place} holds ${text}: labels beyond 2^53 lose digits`)
  return value
}

/** The .cls file beside an image, the same object for images that share one. */
type ClassFileOf = (id: string) => object | undefined

/** A sentence where images share a .cls file: one of them may be the mask of another. */
const sharedFile = async (ids: readonly string[], classFileOf: ClassFileOf): Promise<string | undefined> => {
  const first = new Map<unknown, string>()
  for (const id of ids) {
    if (sliceIsOver()) await nextSlice()
    const file = classFileOf(id)
    const other = first.get(file)
    if (other !== undefined) return `images with one .cls file (first ${other} and ${id}) are samples each, also where one is a mask`
    first.set(file, id)
  }
  return undefined
}

/**
 * Which rule the labels follow: as asked, and `cls` where nothing is asked and every sample has a .cls file.
 * @throws `invalid-argument` where samples could not have the labels that are asked for
 */
export const labelRule = async (
  path: string,
  asked: FileLabels | undefined,
  ids: readonly string[],
  classFileOf: ClassFileOf,
  report: ReportBuilder,
): Promise<FileLabels | undefined> => {
  const without = await filterSliced(ids, (id) => classFileOf(id) === undefined)
  const some = without.length < ids.length
  if (asked === 'cls') {
    if (without.length > 0)
      throw failure('invalid-argument', `${path}: ${without.length} samples have no .cls file beside them, first ${without[0]}`)
    const shared = await sharedFile(ids, classFileOf)
    if (shared !== undefined) report.note(shared)
    return 'cls'
  }
  if (asked === undefined) {
    if (some && without.length > 0)
      report.doubt(
        `${ids.length - without.length} samples have a .cls file beside them, ${without.length} have none (first ${without[0]}): no labels are taken`,
      )
    if (!some || without.length > 0) return undefined
    const shared = await sharedFile(ids, classFileOf)
    if (shared !== undefined) report.doubt(`${shared}; labels "cls" says that this is meant`)
    return 'cls'
  }
  const flat = await filterSliced(ids, (id) => !id.includes('/'))
  if (flat.length === ids.length)
    throw failure(
      'invalid-argument',
      `${path}: labels "${asked}" come from the folders of the samples, and no sample lies in one${some ? ': the .cls files beside them are read with labels "cls"' : ': leave labels out, or adopt the folder above'}`,
    )
  if (flat.length > 0) report.doubt(`${flat.length} samples lie in no folder and have no label, first ${flat[0]}`)
  if (some) report.doubt(`${ids.length - without.length} .cls files are not read, for labels come from folders`)
  return asked
}

/** Samples with their labels. @param classLabels by id, under the rule `cls` */
export const labelled = async (
  samples: readonly Unlabelled[],
  rule: FileLabels | undefined,
  known: readonly string[],
  classLabels: ReadonlyMap<string, number>,
  report: ReportBuilder,
): Promise<Adopted> => {
  report.ids = 'the path of the file'
  if (rule !== undefined) report.labels = { folder: 'names of folders', class: 'folders (classes)', cls: '.cls files (numbers)' }[rule]
  const folderOf = (id: string) => id.split('/').at(-2)
  const folders = new Set<string>()
  if (rule === 'class')
    await eachSliced(samples, ({ id }) => {
      const folder = folderOf(id)
      if (folder !== undefined) folders.add(folder)
    })
  const classes = createClasses(known, [...folders])
  const labelOf = (id: string): Label | undefined => {
    if (rule === undefined) return undefined
    if (rule === 'cls') return classLabels.get(id)
    const folder = folderOf(id)
    return folder === undefined || rule === 'folder' ? folder : classes.numberOf(folder)
  }
  const rows = await mapSliced(samples, ({ id, row }): readonly [string, Row] => {
    const label = labelOf(id)
    return [id, label === undefined ? row : { ...row, label }]
  })
  return { rows, classes: classes.names }
}
