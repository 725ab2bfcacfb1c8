import { failure, isActiveStorageError } from '../../core/errors.ts'
import type { AdoptableFile, Content } from '../../core/self.ts'
import { eachSliced, filterSliced, mapSliced, nextSlice, sliceIsOver } from '../../core/slices.ts'
import { mapLimited } from '../concurrency.ts'
import type { Adopted } from './adopted.ts'
import { classFileLabel, type FileLabels, labelled, labelRule } from './file-labels.ts'
import { matcher } from './matcher.ts'
import { isClassFile, isHiddenPath, isImage, keyOf, shortKeyOf, skipReasonOf } from './names.ts'
import type { ReportBuilder } from './report.ts'
import { indexTar, readTarParts } from './tar.ts'
import { walkFolder } from './walk.ts'

/** Which files, and what their labels are. */
export interface FileAdoption {
  /** Default: none, or `cls` where every sample has a .cls file beside it. */
  readonly labels?: FileLabels
  /** Takes only ids that fit it, where "*" stands for any text. */
  readonly include?: string
}
type Files = Pick<Content, 'adopt' | 'adoptParts' | 'adoptable' | 'withAdoptable' | 'read'>

interface Sorted<T> {
  readonly images: readonly T[]
  /** The .cls file beside an image, by the image's id. */
  classFileOf(id: string): T | undefined
}

/** Parts files into images and the files of their labels, and reports the rest. */
const sorted = async <T extends { readonly id: string }>(
  path: string,
  files: readonly T[],
  include: string | undefined,
  report: ReportBuilder,
): Promise<Sorted<T>> => {
  const fits = matcher(include ?? '*')
  const images = await filterSliced(files, ({ id }) => isImage(id) && fits(id))
  const keys = new Set<string>()
  await eachSliced(images, ({ id }) => keys.add(keyOf(id)).add(shortKeyOf(id)))
  const isLabel = (id: string) => isClassFile(id) && keys.has(keyOf(id))
  const classFiles = new Map<string, T>()
  await eachSliced(files, (file) => {
    const { id } = file
    if (isLabel(id)) classFiles.set(keyOf(id), file)
    // Files that `include` leaves out are not reported.
    else if (!isImage(id) && fits(id)) report.skip(skipReasonOf(id, keys), id)
  })
  if (images.length === 0)
    throw failure(
      'not-found',
      `${path} holds no .jpg, .jpeg, .png or .webp file${include === undefined ? '' : ` that fits "${include}"`}${report.skippedText()}`,
    )
  return { images, classFileOf: (id) => classFiles.get(keyOf(id)) ?? classFiles.get(shortKeyOf(id)) }
}

/** The image files below a folder, each by its path there. */
export const adoptFolder = async (
  folder: string,
  { labels, include }: FileAdoption,
  known: readonly string[],
  files: Files,
  report: ReportBuilder,
  signal: AbortSignal,
): Promise<Adopted> => {
  const allowed = async (real: string): Promise<boolean> => {
    try {
      await files.adoptable(real)
      return true
    } catch (error) {
      if (isActiveStorageError(error, 'permission-denied')) return false
      throw error
    }
  }
  const list = (path: string) => files.withAdoptable(path, (opened) => opened.entries())
  const all = await walkFolder(folder, { allowed, list, skip: report.skip, signal })
  const { images, classFileOf } = await sorted(folder, all, include, report)
  const ids = images.map(({ id }) => id)
  const rule = await labelRule(folder, labels, ids, classFileOf, report)
  const classLabels = new Map<string, number>()
  const samples = await mapLimited(images, 16, async ({ id, path }) => {
    if (signal.aborted) throw signal.reason
    const row = { content: await files.adopt(path) }
    const labelFile = rule === 'cls' ? classFileOf(id) : undefined
    if (labelFile !== undefined)
      classLabels.set(id, classFileLabel(labelFile.path, await files.read(await files.adopt(labelFile.path), signal)))
    return { id, row }
  })
  return labelled(samples, rule, known, classLabels, report)
}

/** The image files in a tar, each by its path there: read from within the tar, which stays as it is. */
export const adoptTar = async (
  file: AdoptableFile,
  { labels, include }: FileAdoption,
  known: readonly string[],
  files: Files,
  report: ReportBuilder,
  signal: AbortSignal,
): Promise<Adopted> => {
  const { path } = file
  const index = await indexTar(file, signal, (reason, name) => report.skip(isHiddenPath(name) ? 'hidden' : reason, name), report.doubt) // prettier-ignore
  const seen = new Map<string, (typeof index)[number] & { id: string }>()
  let escaped = 0
  for (const entry of index) {
    const { name } = entry
    if (sliceIsOver()) await nextSlice()
    if (isHiddenPath(name)) {
      report.skip('hidden', name)
      continue
    }
    if (entry.escaped && escaped++ === 0)
      report.doubt(`names whose bytes are no UTF-8 are written with %XX, first ${JSON.stringify(name.slice(0, 80))}`)
    const before = seen.get(name)
    if (before !== undefined) {
      if (before.escaped !== entry.escaped)
        throw failure(
          'bad-sample',
          `${path}: two entries have the name ${JSON.stringify(name.slice(0, 80))} when bytes that are no UTF-8 are written as %XX: rename one`,
        )
      report.skip('replaced', name)
    }
    // Of two entries of one name the later one counts, as it does for those who unpack.
    seen.set(name, { ...entry, id: name })
  }
  const { images, classFileOf } = await sorted(path, [...seen.values()], include, report)
  const alike = escaped === 0 ? undefined : images.find((entry) => !entry.escaped && /%[0-9A-F]{2}/.test(entry.name))
  if (alike !== undefined)
    throw failure(
      'bad-sample',
      `${path}: names whose bytes are no UTF-8 are written as %XX, and ${JSON.stringify(alike.name.slice(0, 80))} has such digits of its own: rename it`,
    )
  const rule = await labelRule(path, labels, images.map(({ id }) => id), classFileOf, report) // prettier-ignore
  const classLabels = new Map<string, number>()
  if (rule === 'cls') {
    const beside = images.map(({ id }) => ({ id, entry: classFileOf(id)! }))
    const held = await readTarParts(file, beside.map(({ entry }) => entry), signal) // prettier-ignore
    await eachSliced(beside, ({ id, entry }, at) => classLabels.set(id, classFileLabel(`${path}: ${entry.name}`, held[at]!)))
  }
  const refs = await files.adoptParts(file, images, signal)
  return labelled(await mapSliced(images, ({ id }, at) => ({ id, row: { content: refs[at]! } })), rule, known, classLabels, report)
}
