import { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import { bytes, contentRef, integer, number, object, optional, string, union } from '../../core/schema.ts'
import type { ContentPart, ReadonlyTable } from '../../core/self.ts'

export type Label = string | number
/** A sample as its data set knows it. */
export interface Sample {
  /** Stable: the file's path below its folder, with "/", or the id it was put with. */
  readonly id: string
  readonly content: ContentRef
  /** The bytes of the content that are the sample, where they are not all of it. */
  readonly part?: ContentPart
  /** Its row in the content, where that is a graph: the number of its node. */
  readonly row?: number
  readonly label?: Label
}
/** A sample to put. */
export interface NewSample {
  readonly id: string
  readonly bytes: Uint8Array
  readonly label?: Label
}
/** As a table holds it: the home is the site that answers. */
export type Row = {
  readonly content: ContentRef
  readonly part?: { readonly offset: number; readonly bytes: number }
  readonly row?: number
  readonly label?: Label
  /** Steps of a time series, and the label of each, as float64. */
  readonly steps?: number
  readonly labels?: ContentRef
}

export const SAMPLES = 'samples'
/** Entries of a page at the most. */
export const PAGE = 1000
/** A sample is an entry of a table; so many are added in one call, whose changes are in memory until it is committed. */
export const MOST_SAMPLES = 500_000

/** The nodes of a graph share its content: the first one stands for it. */
export const bytesOfRow = ({ content, part, row }: Row): number => (row === undefined || row === 0 ? (part?.bytes ?? content.bytes) : 0)

export const sampleOf = (id: string, { content, part, row, label }: Row, home: string): Sample => ({
  id,
  content: new ContentRef(content.hash, content.bytes, home),
  ...(part !== undefined && { part }),
  ...(row !== undefined && { row }),
  ...(label !== undefined && { label }),
})

export const rowOf = (table: ReadonlyTable<Row>, dataset: string, id: string): Row => {
  const row = table.get(id)
  if (row === undefined) throw failure('not-found', `data set "${dataset}" has no sample "${id}"`)
  return row
}

/** Rows read at once, within some ms. */
const SCAN = 250

/** All rows in the order of their ids, from after one. */
export function* rowsAfter(table: ReadonlyTable<Row>, after?: string): Generator<readonly [string, Row]> {
  for (let last = after; ;) {
    const page = table.entries({ ...(last !== undefined && { after: last }), limit: SCAN })
    yield* page
    last = page.at(-1)?.[0]
    if (page.length < SCAN) return
  }
}

const whole = integer({ minimum: 0 })
const label = optional(union([string(), number()]))
export const sampleId = string({ minLength: 1 })
export const newSample = object({ id: sampleId, bytes: bytes(), label })
export const contentPart = object({ offset: whole, bytes: whole })
export const sample = object({ id: sampleId, content: contentRef(), part: optional(contentPart), row: optional(whole), label })
