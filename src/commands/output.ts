import { ContentRef } from '../core/content.ts'
import { Tensor } from '../core/tensor.ts'

/** JSON of any value: tensors and bytes by what they are, with their first numbers; bigints as text. */
export const toJson = (value: unknown): string => json(value, 2)
/** The same on one line. */
export const toJsonLine = (value: unknown): string => json(value, undefined)

const json = (value: unknown, indent: number | undefined): string =>
  JSON.stringify(
    value,
    (_key, held: unknown) => {
      if (typeof held === 'bigint') return held.toString()
      if (held instanceof Tensor) return { tensor: held.dtype, shape: held.shape, first: firstOf(held) }
      if (held instanceof ContentRef) return { content: held.hash, bytes: held.bytes, home: held.home }
      if (held instanceof Uint8Array) return { bytes: held.byteLength }
      return held
    },
    indent,
  )
const firstOf = (tensor: Tensor): unknown[] =>
  Array.from<unknown>(tensor.data)
    .slice(0, 8)
    .map((item) => (typeof item === 'bigint' ? item.toString() : item))

export const print = (text: string): void => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)

/** Columns of equal width, the first row as heads. */
export const table = (rows: readonly (readonly (string | number)[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? '').length)))
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, column) => (typeof cell === 'number' ? String(cell).padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

export const humanBytes = (bytes: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}

/** One line on a terminal that says what goes on, from the first second; nothing where the output is no terminal. */
export const progress = (what: string): { update(text: string): void; done(): void } => {
  const began = performance.now()
  const terminal = process.stderr.isTTY
  let text = ''
  const draw = () => {
    const seconds = (performance.now() - began) / 1000
    if (terminal && seconds >= 1) process.stderr.write(`\r\x1b[K${what} ${text} (${seconds.toFixed(0)} s)`)
  }
  const timer = terminal ? setInterval(draw, 250) : undefined
  return {
    update: (next) => (text = next),
    done: () => {
      clearInterval(timer)
      if (terminal) process.stderr.write('\r\x1b[K')
    },
  }
}
