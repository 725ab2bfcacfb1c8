import type { TableOptions } from '../columns.ts'

/** What the first two columns of the edges hold: ids of nodes, or the numbers of their rows from 0. */
export const edgeRules = ['id', 'row'] as const
export type EdgeRule = (typeof edgeRules)[number]

/** A graph in two tables of a folder. */
export interface GraphAdoption extends TableOptions {
  /** Default `nodes.tsv` and `edges.tsv`. The first two columns of the edges name a source and a target. */
  readonly nodes?: string
  readonly edges?: string
  /** Default: by ids, or by rows where no id is a whole number and the first edge has whole numbers. */
  readonly edgesBy?: EdgeRule
  /** Default tab. */
  readonly delimiter?: string
  /** The nodes' column of ids. Default the first. */
  readonly id?: string
  readonly label?: string
  /** Numeric columns that are a node's features. */
  readonly features?: readonly string[]
  /** Or the column of a node's words: whole numbers, with spaces between them. */
  readonly words?: string
  /** How many words there are. Default: one more than the largest. */
  readonly width?: number
  /** Whether an edge leads one way only, from target to source as messages do. Default false. */
  readonly directed?: boolean
}
