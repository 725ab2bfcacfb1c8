import { failure } from '../../core/errors.ts'
import { type CsvFormat, CsvRecord, splitter } from './csv-record.ts'

export { type CsvFormat, CsvRecord } from './csv-record.ts'

const MOST_RECORD = 4 * 1024 * 1024
/** Its records are parsed at once, within some 5 ms. */
const READ = 64 * 1024

/** Files that are no plain text, by their first bytes. */
const foreign: readonly (readonly [first: readonly number[], what: string])[] = [
  [[0xff, 0xfe], 'UTF-16 text: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)'],
  [[0xfe, 0xff], 'UTF-16 text: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)'],
  [[0x1f, 0x8b], 'compressed by gzip: unpack it (gunzip)'],
  [[0x42, 0x5a, 0x68], 'compressed by bzip2: unpack it (bunzip2)'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'compressed by xz: unpack it (unxz)'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'compressed by zstd: unpack it (unzstd)'],
  [[0x50, 0x4b, 3, 4], 'a zip archive, as .xlsx files are too: unpack it, or save the table as CSV'],
  [[0x50, 0x41, 0x52, 0x31], 'a Parquet file: save the table as CSV'],
]

/**
 * The records of a CSV file by RFC 4180, in groups as they are read: fields in quotes may hold delimiters, line breaks and
 * doubled quotes. Lines end with LF, CRLF or CR; empty lines are left out. Bytes that are no UTF-8 are refused.
 * @throws ActiveStorageError `bad-sample` naming file:line:column
 */
export async function* csvRecords(format: CsvFormat, signal: AbortSignal): AsyncGenerator<readonly CsvRecord[]> {
  const { path, file } = format
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const split = splitter(format)
  let held = ''
  let line = 1
  let begun = false
  /** A record that is not whole yet is looked at again when twice as much is there: not from its beginning with each read. */
  let enough = 0

  const records = (final: boolean): CsvRecord[] => {
    const found: CsvRecord[] = []
    let at = 0
    for (;;) {
      const next = split(held, at, line, final)
      if (next === undefined) break
      if (next.record !== undefined) found.push(next.record)
      line += next.lines
      at = next.end
    }
    split.forget()
    held = held.slice(at)
    enough = found.length > 0 || at > 0 ? 0 : Math.min(held.length * 2, MOST_RECORD + 1)
    if (held.length > MOST_RECORD)
      throw failure('bad-sample', `${path}:${line}:1: a record of more than ${MOST_RECORD} characters: is a quote missing?`)
    return found
  }
  const decode = (bytes?: Buffer): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
    } catch (error) {
      const before = held + new TextDecoder('utf-8').decode(bytes ?? new Uint8Array()).split('\ufffd', 1)[0]
      const place = line + (before.match(/\r\n|\r|\n/g)?.length ?? 0)
      throw failure('bad-sample', `${path}:${place}: bytes that are no UTF-8: convert the file (iconv -f LATIN1 -t UTF-8, say)`, error)
    }
  }
  for (let position = 0; ;) {
    if (signal.aborted) throw signal.reason
    const buffer = Buffer.allocUnsafe(READ)
    const chunk = buffer.subarray(0, await file.read(buffer, position))
    if (chunk.length === 0) break
    position += chunk.length
    const kind = begun ? undefined : foreign.find(([first]) => first.every((byte, index) => chunk[index] === byte))
    if (kind !== undefined) throw failure('bad-sample', `${path}:1:1: the file is ${kind[1]}`)
    begun = true
    held += decode(chunk)
    if (held.length < enough) continue
    const found = records(false)
    if (found.length > 0) yield found
  }
  held += decode()
  const found = records(true)
  if (found.length > 0) yield found
}
