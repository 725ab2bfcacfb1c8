import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { ContentRef } from '../../core/content.ts'
import { defineObject } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import { bytes, contentRef, integer, list, number, object, oneOf, optional, string, union } from '../../core/schema.ts'
import type { ReadonlyTable } from '../../core/self.ts'
import { mapLimited } from '../concurrency.ts'

/** A sample as its data set knows it. */
export interface Sample {
  /** Stable: the file's path below its folder, with "/", or the id it was put with. */
  readonly id: string
  readonly content: ContentRef
  readonly label?: string | number
}
/** A sample to put. */
export interface NewSample {
  readonly id: string
  readonly bytes: Uint8Array
  readonly label?: string | number
}
/** As a table holds it: the home is the site that answers. */
type Row = { readonly content: ContentRef; readonly label?: string | number }

const SAMPLES = 'samples'
/** Entries of a page at the most. */
const PAGE = 1000
const IMAGE = /\.(jpe?g|png|webp)$/i

const sampleOf = (id: string, { content, label }: Row, home: string): Sample => ({
  id,
  content: new ContentRef(content.hash, content.bytes, home),
  ...(label !== undefined && { label }),
})

const rowOf = (table: ReadonlyTable<Row>, dataset: string, id: string): Row => {
  const row = table.get(id)
  if (row === undefined) throw failure('not-found', `data set "${dataset}" has no sample "${id}"`)
  return row
}

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

/** Tests ids against a pattern piece by piece: what a caller sends is never compiled, and costs no more than its length. */
const matcher = (pattern: string) => {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  return (path: string): boolean => {
    const id = path.split(sep).join('/')
    if (tail === undefined) return id === head
    if (!id.startsWith(head) || !id.endsWith(tail) || id.length < head.length + tail.length) return false
    let from = head.length
    for (const piece of rest) {
      const found = id.indexOf(piece, from)
      if (found < 0) return false
      from = found + piece.length
    }
    return from <= id.length - tail.length
  }
}

const id = string({ minLength: 1 })
const label = optional(union([string(), number()]))
const count = integer({ minimum: 0 })
const newSample = object({ id, bytes: bytes(), label })
const sample = object({ id, content: contentRef(), label })

/** A set of samples: bytes with stable ids and, where they have one, a label. */
export const dataset = defineObject({
  name: 'dataset',
  state: () => ({ count: 0, bytes: 0 }),
  schema: object({ count, bytes: count }),
  methods: {
    /**
     * Takes in the JPEG, PNG and WebP files below a folder of the node, where they lie. The operator must have allowed
     * the folder. With `labels: 'folder'` a sample's label is the name of the folder it is in; `include` takes only ids
     * that fit it, where "*" stands for any text.
     */
    async adopt(
      self,
      folder: string,
      options: { labels?: 'folder'; include?: string } = {},
    ): Promise<{ added: number; count: number; bytes: number }> {
      const table = self.table<Row>(SAMPLES)
      await self.content.adoptable(folder)
      const fits = matcher(options.include ?? '*')
      const paths = (await imagesBelow(folder)).filter((path) => fits(relative(folder, path)))
      if (paths.length === 0)
        throw failure(
          'not-found',
          `${folder} holds no .jpg, .jpeg, .png or .webp file${options.include === undefined ? '' : ` that fits "${options.include}"`}`,
        )
      let added = 0
      await mapLimited(paths, 16, async (path) => {
        if (self.signal.aborted) throw self.signal.reason
        const ref = await self.content.adopt(path)
        const id = relative(folder, path).split(sep).join('/')
        const before = table.get(id)
        const folderName = id.split('/').at(-2)
        table.put(id, {
          content: ref,
          ...(options.labels === 'folder' && folderName !== undefined && { label: folderName }),
        })
        if (before === undefined) added++
        self.state.count += before === undefined ? 1 : 0
        self.state.bytes += ref.bytes - (before?.content.bytes ?? 0)
      })
      return { added, count: self.state.count, bytes: self.state.bytes }
    },
    /** Adds samples, or replaces those of the same id. */
    async put(self, samples: readonly NewSample[]): Promise<{ count: number; bytes: number }> {
      const table = self.table<Row>(SAMPLES)
      for (const { id, bytes, label } of samples) {
        const ref = await self.content.put(bytes)
        const before = table.get(id)
        table.put(id, { content: ref, ...(label !== undefined && { label }) })
        self.state.count += before === undefined ? 1 : 0
        self.state.bytes += ref.bytes - (before?.content.bytes ?? 0)
      }
      return { count: self.state.count, bytes: self.state.bytes }
    },
  },
  readonly: {
    /** Number of samples, their bytes, and the version, which changes whenever a sample does. */
    describe: (self) => ({ count: self.state.count, bytes: self.state.bytes, version: self.version }),
    count: (self) => self.state.count,
    /** One page of samples in the order of their ids (by UTF-8 bytes), from after `after`; at most 1,000. */
    list: (self, range: { after?: string; limit?: number } = {}): readonly Sample[] =>
      self
        .table<Row>(SAMPLES)
        .entries({
          ...(range.after !== undefined && { after: range.after }),
          limit: Math.min(PAGE, Math.max(1, Math.trunc(range.limit ?? PAGE))),
        })
        .map(([id, row]) => sampleOf(id, row, self.site)),
    /** @throws `not-found` */
    sample: (self, id: string): Sample => sampleOf(id, rowOf(self.table<Row>(SAMPLES), self.id, id), self.site),
    /** The bytes of a sample. @throws `not-found`, `content-changed` */
    async read(self, id: string): Promise<Uint8Array> {
      const { content } = sampleOf(id, rowOf(self.table<Row>(SAMPLES), self.id, id), self.site)
      return self.content.read(content, self.signal)
    },
  },
  arguments: {
    adopt: [string(), optional(object({ labels: optional(oneOf(['folder'])), include: optional(string()) }))],
    put: [list(newSample)],
    describe: [],
    count: [],
    list: [optional(object({ after: optional(string()), limit: optional(integer({ minimum: 1 })) }))],
    sample: [id],
    read: [id],
  },
  results: {
    adopt: object({ added: count, count, bytes: count }),
    put: object({ count, bytes: count }),
    describe: object({ count, bytes: count, version: count }),
    count,
    list: list(sample),
    sample,
    read: bytes(),
  },
})
