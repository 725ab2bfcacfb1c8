import { createReadStream } from 'node:fs'
import { failure } from '../../core/errors.ts'

/** One record: its fields, the line of the file that it begins on, and the column at which each field begins, from 1. */
export interface CsvRecord {
  readonly fields: readonly string[]
  readonly line: number
  readonly columns: readonly number[]
}
export interface CsvFormat {
  readonly path: string
  /** One character. */
  readonly delimiter: string
  /** Whether a field may stand in double quotes, as RFC 4180 has it. */
  readonly quotes: boolean
}

const MOST_FIELDS = 16_384
const MOST_RECORD = 4 * 1024 * 1024

/**
 * The records of a CSV file, one after the other, by RFC 4180: fields in quotes may hold delimiters, line breaks and
 * doubled quotes. Lines end with LF or CRLF; empty lines are left out. Bytes that are no UTF-8 are refused.
 * @throws ActiveStorageError `bad-sample` naming file:line:column
 */
export async function* csvRecords({ path, delimiter, quotes }: CsvFormat, signal: AbortSignal): AsyncGenerator<CsvRecord> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  let line = 1
  let column = 0
  let fields: string[] = []
  let columns: number[] = []
  let field = ''
  let begin = { line: 1, column: 1 }
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start'
  let length = 0
  let first = 1
  let opened = { line: 1, column: 1 }
  const refuse = (what: string, at = { line, column }) => failure('bad-sample', `${path}:${at.line}:${at.column}: ${what}`)

  const endField = () => {
    if (fields.length >= MOST_FIELDS) throw refuse(`more than ${MOST_FIELDS} fields: name the delimiter that the file has`)
    fields.push(field)
    columns.push(begin.column)
    field = ''
    state = 'start'
  }
  const endRecord = (): CsvRecord | undefined => {
    const empty = fields.length === 0 && field === '' && state === 'start'
    endField()
    const record = { fields, line: first, columns }
    fields = []
    columns = []
    length = 0
    return empty ? undefined : record
  }

  function* taken(chunk: string): Generator<CsvRecord> {
    for (const char of chunk) {
      column++
      if (++length > MOST_RECORD) throw refuse(`a record of more than ${MOST_RECORD} characters: is a quote missing?`, opened)
      if (state === 'start') {
        begin = { line, column }
        if (fields.length === 0) first = line
      }
      if (state === 'quoted') {
        if (char === '"') state = 'closed'
        else field += char
      } else if (char === delimiter) endField()
      else if (char === '\n') {
        if (state !== 'closed' && field.endsWith('\r')) field = field.slice(0, -1)
        if (fields.length === 0 && field === '' && state === 'plain') state = 'start'
        const record = endRecord()
        if (record !== undefined) yield record
      } else if (char === '"' && quotes) {
        if (state === 'start') {
          state = 'quoted'
          opened = { line, column }
        } else if (state === 'closed') {
          field += '"'
          state = 'quoted'
        } else throw refuse('a quote within a field that does not begin with one: put the field in quotes, and double the quotes in it')
      } else if (state === 'closed') {
        if (char !== '\r')
          throw refuse('something stands between a closing quote and the end of its field: double the quotes within a field')
      } else {
        field += char
        state = 'plain'
      }
      if (char === '\n') {
        line++
        column = 0
      }
    }
  }
  const decode = (bytes?: Buffer): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
    } catch (error) {
      throw failure('bad-sample', `${path}: after line ${line} there are bytes that are no UTF-8: convert the file`, error)
    }
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    if (signal.aborted) throw signal.reason
    if (Buffer.isBuffer(chunk)) yield* taken(decode(chunk))
  }
  yield* taken(decode())
  // The loop's last assignment is not seen by the type of a generator that may have run in between.
  if ((state as string) === 'quoted') throw refuse('the file ends within a quoted field: close the quote', opened)
  if (fields.length > 0 || field !== '' || (state as string) === 'closed') {
    if ((state as string) !== 'closed' && field.endsWith('\r')) field = field.slice(0, -1)
    const record = endRecord()
    if (record !== undefined) yield record
  }
}
