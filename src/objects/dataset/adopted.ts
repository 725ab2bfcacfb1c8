import type { TableOptions } from './columns.ts'
import type { Row } from './sample.ts'

/** What a table's rows become. */
export interface TableAdoption extends TableOptions {
  /** Default "\t" for .tsv, else ",". */
  readonly delimiter?: string
  /** The column with the samples' ids. Default: the number of the row, of nine digits, so that the order stays. */
  readonly id?: string
  /** Texts become class numbers, numbers stay. */
  readonly label?: string
  /** The columns that a sample is made of. Default: every numeric one that is named for nothing else. */
  readonly features?: readonly string[]
  /** The one column of text that a sample is, in place of features. */
  readonly text?: string
  /** Rows alike in these columns are one sample, a time series in the order of the file. An empty list: the whole file is one. */
  readonly group?: string | readonly string[]
}

/** What the bytes of a sample are, where all are alike. */
export interface Layout {
  dtype: string
  /** Of a sample; of one step where samples are time series. */
  shape: number[]
  columns?: string[]
  series?: boolean
}
export interface Adopted {
  readonly rows: readonly (readonly [id: string, Row])[]
  readonly layout?: Layout
  readonly classes: readonly string[]
}
