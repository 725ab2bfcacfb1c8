import { failure } from '../../core/errors.ts'
import type { AdoptableFile } from '../../core/self.ts'

export interface CsvFormat {
  /** For messages. */
  readonly path: string
  readonly file: Pick<AdoptableFile, 'read'>
  /** One character. */
  readonly delimiter: string
  /** Whether a field may stand in double quotes, as RFC 4180 has it. */
  readonly quotes: boolean
}

/** Code points, as editors count columns. */
const characters = (text: string): number => Array.from(text).length

/** One record of a table of text. */
export class CsvRecord {
  readonly fields: readonly string[]
  /** The line of the file that the record begins on, from 1. */
  readonly line: number
  readonly #text: string
  readonly #format: CsvFormat

  constructor(fields: readonly string[], line: number, text: string, format: CsvFormat) {
    this.fields = fields
    this.line = line
    this.#text = text
    this.#format = format
  }

  /** The column at which a field begins on its line, in characters from 1: found again when it is asked for, in an error. */
  columnOf(field: number): number {
    const starts: number[] = []
    fieldsOf(this.#text, 0, this.line, true, this.#format, starts)
    const before = this.#text.slice(0, starts[field] ?? 0)
    return characters(before.slice(before.lastIndexOf('\n') + 1)) + 1
  }
}

const MOST_FIELDS = 16_384
const [QUOTE, CR, LF] = [34, 13, 10]

interface Split {
  /** Absent for an empty line. */
  readonly record?: CsvRecord
  /** Where the next record begins. */
  readonly end: number
  readonly lines: number
}

/** Fields of the record that begins at a place, by RFC 4180; undefined where the text ends within it and is not all. */
const fieldsOf = (text: string, from: number, line: number, final: boolean, format: CsvFormat, starts: number[]) => {
  const { path, delimiter, quotes } = format
  const stop = delimiter.charCodeAt(0)
  const fields: string[] = []
  let at = from
  let lines = 0
  const refuse = (place: number, what: string) => {
    const before = text.slice(from, place)
    const breaks = before.split('\n')
    return failure('bad-sample', `${path}:${line + breaks.length - 1}:${characters(breaks.at(-1) ?? '') + 1}: ${what}`)
  }
  for (;;) {
    if (fields.length >= MOST_FIELDS) throw refuse(at, `more than ${MOST_FIELDS} fields: name the delimiter that the file has`)
    starts.push(at - from)
    let field = ''
    if (quotes && text.charCodeAt(at) === QUOTE) {
      const opened = at++
      for (;;) {
        const close = text.indexOf('"', at)
        if (close < 0 && !final) return undefined
        if (close < 0) throw refuse(opened, 'the file ends within a quoted field: close the quote, or read the file with quotes: false')
        field += text.slice(at, close)
        at = close + 1
        if (at >= text.length && !final) return undefined
        if (text.charCodeAt(at) !== QUOTE) break
        field += '"'
        at++
      }
      for (let place = text.indexOf('\n', opened); place >= 0 && place < at; place = text.indexOf('\n', place + 1)) lines++
    } else {
      const begin = at
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at)
        if (code === stop || code === LF || code === CR) break
        if (quotes && code === QUOTE)
          throw refuse(
            at,
            'a quote within a field that does not begin with one: put the field in quotes and double the quotes in it, or read the file with quotes: false',
          )
      }
      field = text.slice(begin, at)
    }
    fields.push(field)
    const code = text.charCodeAt(at)
    if (at >= text.length) return final ? { fields, end: at, lines } : undefined
    if (code === stop) {
      at++
      continue
    }
    if (code !== LF && code !== CR)
      throw refuse(
        at,
        'something stands between a closing quote and the end of its field: double the quotes within a field, or read the file with quotes: false',
      )
    if (code === CR && at + 1 >= text.length && !final) return undefined
    return { fields, end: at + (code === CR && text.charCodeAt(at + 1) === LF ? 2 : 1), lines: lines + 1 }
  }
}

/**
 * Gives the record at a place of a text, or undefined where the text ends within it. The next quote and line break are kept
 * from call to call on the same text, so that each is looked for once; `forget` before the text changes.
 */
export const splitter = (format: CsvFormat) => {
  const { delimiter, quotes } = format
  let next = { LF: -1, CR: -1, QUOTE: -1 }
  const find = (text: string, char: string, known: number, from: number): number => {
    if (known >= from) return known
    const found = text.indexOf(char, from)
    return found < 0 ? text.length : found
  }
  const split = (text: string, from: number, line: number, final: boolean): Split | undefined => {
    if (from >= text.length) return undefined
    next.LF = find(text, '\n', next.LF, from)
    next.CR = find(text, '\r', next.CR, from)
    if (quotes) next.QUOTE = find(text, '"', next.QUOTE, from)
    const end = Math.min(next.LF, next.CR)
    if (quotes && next.QUOTE < end) {
      const made = fieldsOf(text, from, line, final, format, [])
      return made && { record: new CsvRecord(made.fields, line, text.slice(from, made.end), format), end: made.end, lines: made.lines }
    }
    const cr = end === next.CR && end < text.length
    if (!final && (end === text.length || (cr && end + 1 === text.length))) return undefined
    const after = Math.min(text.length, end + (cr && next.LF === end + 1 ? 2 : 1))
    if (end === from) return { end: after, lines: 1 }
    const raw = text.slice(from, end)
    const fields = raw.split(delimiter, MOST_FIELDS + 1)
    const record = new CsvRecord(fields, line, raw, format)
    if (fields.length > MOST_FIELDS)
      throw failure(
        'bad-sample',
        `${format.path}:${line}:${record.columnOf(MOST_FIELDS)}: more than ${MOST_FIELDS} fields: name the delimiter that the file has`,
      )
    return { record, end: after, lines: 1 }
  }
  return Object.assign(split, {
    forget: () => {
      next = { LF: -1, CR: -1, QUOTE: -1 }
    },
  })
}
