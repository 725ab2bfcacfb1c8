import { ContentRef } from '../core/content.ts'
import { humanBytes, toJsonLine } from './output.ts'

/** A terminal's width, and the most lines of an answer. */
const WIDTH = 120
const LINES = 10
/** Items of a list that are shown. */
const ITEMS = 8

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

const clipped = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, Math.max(1, width - 3))}...`)

/** A value on one line: text as it is, a long list by its first items and their number, sizes in units. */
const shown = (key: string, value: unknown): string => {
  if (value === null || value === undefined) return 'none'
  if (typeof value === 'number' && /bytes$/i.test(key)) return humanBytes(value)
  if (value instanceof ContentRef) return `${value.hash.slice(0, 16)}, ${humanBytes(value.bytes)}, at ${value.home}`
  if (Array.isArray(value)) {
    if (value.length === 0) return 'none'
    const items = value.slice(0, ITEMS).map((item: unknown) => (isTensorSpec(item) ? tensorText(item) : shown('', item)))
    return `${items.join(', ')}${value.length > ITEMS ? `, ... (${value.length})` : ''}`
  }
  if (isPlain(value))
    return Object.entries(value)
      .map(([name, held]) => `${name} ${typeof held === 'object' && held !== null ? toJsonLine(held) : shown(name, held)}`)
      .join(', ')
  return typeof value === 'string' ? value : toJsonLine(value)
}

const isTensorSpec = (value: unknown): value is { readonly name: string; readonly dtype: string; readonly shape: readonly unknown[] } =>
  isPlain(value) && typeof value['name'] === 'string' && typeof value['dtype'] === 'string' && Array.isArray(value['shape'])
const tensorText = ({
  name,
  dtype,
  shape,
}: {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly unknown[]
}): string => `${name} ${dtype}[${shape.map(String).join(', ')}]`

/**
 * A heading, then the fields of a record, each on one line that fits a terminal: ten lines at the most. Fields without a value are
 * left out; those that find no line are named together.
 * @param methods the last line of the fields, which always has its place
 * @param foot says how to see the rest
 */
export const outline = (heading: string, fields: Readonly<Record<string, unknown>>, methods: string | undefined, foot: string): string => {
  const all = Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
  const last = methods === undefined ? [] : [['methods', methods] as const]
  const room = LINES - 2 - last.length
  const kept = all.length <= room ? all : all.slice(0, room - 1)
  const left = all.slice(kept.length).map(([key]) => key)
  const rows = [
    ...kept.map(([key, value]) => [key, shown(key, value)] as const),
    ...(left.length > 0 ? [['also', left.join(', ')] as const] : []),
    ...last,
  ]
  const width = Math.max(0, ...rows.map(([key]) => key.length))
  return [
    clipped(heading, WIDTH),
    ...rows.map(([key, text]) => clipped(`  ${key.padEnd(width)}  ${text.replaceAll(/\s+/g, ' ')}`, WIDTH)),
    clipped(foot, WIDTH),
  ].join('\n')
}
