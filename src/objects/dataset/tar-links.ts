import { posix } from 'node:path'
import type { ContentPart } from '../../core/self.ts'
import { eachSliced, mapSliced } from '../../core/slices.ts'
import type { SkipReason } from './report.ts'

/** A regular file within a tar: its path there, and its bytes within the tar. */
export interface TarEntry extends ContentPart {
  readonly name: string
  /** Whether bytes of the name are no UTF-8, and written as %XX. */
  readonly escaped: boolean
}

/** An entry that stands for another: a hard link by its name in the tar, a symbolic one from the folder that it lies in. */
export interface TarLink {
  readonly name: string
  readonly escaped: boolean
  readonly target: string
  readonly hard: boolean
}

const MOST_STEPS = 40

const isLink = (entry: TarEntry | TarLink): entry is TarLink => 'target' in entry

/**
 * Entries with the bytes that links lead to, in the order of the tar; `skip` is called for links that lead to no file of it.
 * A hard link stands for what its name meant before it in the tar, a symbolic one for what its path means at the end.
 */
export const resolveLinks = async (
  entries: readonly (TarEntry | TarLink)[],
  skip: (reason: SkipReason, name: string) => void,
): Promise<readonly TarEntry[]> => {
  const files = entries.filter((entry): entry is TarEntry => !isLink(entry))
  if (files.length === entries.length) return files
  const byName = new Map<string, TarEntry | TarLink>()
  const unhardened = await mapSliced(entries, (entry) => {
    const target = isLink(entry) && entry.hard ? byName.get(posix.normalize(entry.target)) : undefined
    const made = target === undefined || isLink(target) ? entry : { ...target, name: entry.name, escaped: entry.escaped }
    byName.set(entry.name, made)
    return made
  })
  const folders = new Set<string>()
  await eachSliced(entries, ({ name }) => {
    for (const folder of foldersOf(name)) folders.add(folder)
  })
  const resolved = (link: TarLink): TarEntry | SkipReason => {
    let from = link
    for (let step = 0; step < MOST_STEPS; step++) {
      if (from.hard) return 'link-broken'
      const target = posix.normalize(posix.join(posix.dirname(from.name), from.target))
      if (from.target.startsWith('/') || target === '..' || target.startsWith('../')) return 'link-outside'
      const next = byName.get(target)
      if (next === undefined) return target === '.' || folders.has(target.replace(/\/$/, '')) ? 'link-folder' : 'link-broken'
      if (!isLink(next)) return next
      from = next
    }
    return 'link-loop'
  }
  const made: TarEntry[] = []
  await eachSliced(unhardened, (entry) => {
    const found = isLink(entry) ? resolved(entry) : entry
    if (typeof found === 'string') skip(found, entry.name)
    else made.push(found === entry ? found : { ...found, name: entry.name, escaped: entry.escaped })
  })
  return made
}

const foldersOf = (name: string): readonly string[] => {
  const parts = name.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
