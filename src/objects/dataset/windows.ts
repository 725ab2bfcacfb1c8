import { failure } from '../../core/errors.ts'
import type { Row } from './sample.ts'

/** Windows over time series: of `length` steps, each beginning `stride` after the last. */
export interface WindowRule {
  readonly length: number
  /** Default 1. */
  readonly stride?: number
  /** A window's label: the largest of its steps' labels, that of its last step, or of the step after it. Default `last`. */
  readonly label?: WindowLabel
}
export const windowLabels = ['any', 'last', 'next'] as const
export type WindowLabel = (typeof windowLabels)[number]

/** Digits of the step in a window's id, so that ids sort as the steps do. */
const DIGITS = 9
export const windowId = (series: string, start: number): string => `${series}@${String(start).padStart(DIGITS, '0')}`
/** The series and the step of a window's id; undefined where it is not one. */
export const parseWindowId = (id: string): { readonly series: string; readonly start: number } | undefined => {
  const at = id.lastIndexOf('@')
  const digits = id.slice(at + 1)
  return at < 1 || !/^\d{9}$/.test(digits) ? undefined : { series: id.slice(0, at), start: Number(digits) }
}

/** The windows of one series from a step on: rows that are parts of it. With `next` the last has a step after it. */
export function* windowsOf(
  id: string,
  row: Row,
  rule: WindowRule,
  labels: Float64Array | undefined,
  from = 0,
): Generator<readonly [string, Row]> {
  const { length, stride = 1, label = 'last' } = rule
  if (row.steps === undefined)
    throw failure('invalid-argument', `sample "${id}" is no time series: adopt the table with "group" to make windows of it`)
  const bytes = (row.part?.bytes ?? row.content.bytes) / row.steps
  const last = row.steps - length - (label === 'next' ? 1 : 0)
  for (let start = Math.ceil(from / stride) * stride; start <= last; start += stride) {
    const value = labels === undefined ? undefined : labelOf(labels, start, length, label)
    const part = { offset: (row.part?.offset ?? 0) + start * bytes, bytes: length * bytes }
    yield [windowId(id, start), { content: row.content, part, ...(value !== undefined && { label: value }) }]
  }
}

const labelOf = (labels: Float64Array, start: number, length: number, rule: WindowLabel): number | undefined => {
  if (rule === 'any') return labels.subarray(start, start + length).reduce((most, each) => Math.max(most, each), -Infinity)
  return labels[start + length - (rule === 'next' ? 0 : 1)]
}
