/** What headers of extensions say of the entry that follows. */
export interface Extensions {
  readonly path?: Buffer
  readonly link?: Buffer
  readonly size?: number
  readonly sparse?: boolean
}

type Refuse = (what: string, remedy?: string) => Error

/** The records of a PAX header: "LENGTH KEY=VALUE\n", over and over. */
function* paxRecords(bytes: Buffer, refuse: Refuse): Generator<readonly [key: string, value: Buffer]> {
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const space = bytes.indexOf(32, at)
    const length = space < 0 || space - at > 8 ? Number.NaN : Number(bytes.toString('latin1', at, space))
    if (!Number.isSafeInteger(length) || length < space - at + 3 || at + length > bytes.length || bytes[at + length - 1] !== 10)
      throw refuse('a PAX header whose records do not fit it')
    const equals = bytes.indexOf(61, space)
    if (equals < 0 || equals >= at + length) throw refuse('a PAX record without "="')
    yield [bytes.toString('utf8', space + 1, equals), bytes.subarray(equals + 1, at + length - 1)]
    at += length
  }
}

const isSparse = (key: string): boolean => key.startsWith('GNU.sparse.') || key === 'SCHILY.realsize'
/** Character sets of names: UTF-8, or bytes as they are. Both are read alike. */
const charsets: ReadonlySet<string> = new Set(['BINARY', 'ISO-IR 10646 2000 UTF-8'])

/** @throws what `refuse` makes, for records that cannot be followed */
export const paxExtensions = (bytes: Buffer, refuse: Refuse): Extensions => {
  let found: Extensions = {}
  for (const [key, value] of paxRecords(bytes, refuse)) {
    const text = value.toString('latin1')
    if (key === 'path') found = { ...found, path: value }
    if (key === 'linkpath') found = { ...found, link: value }
    if (isSparse(key)) found = { ...found, sparse: true }
    if (key === 'hdrcharset' && !charsets.has(text)) throw refuse(`names in the character set "${text.slice(0, 40)}"`)
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(text)) throw refuse(`a PAX size of "${text.slice(0, 40)}"`)
      found = { ...found, size: Number(text) }
    }
  }
  return found
}

/** Checks a global header, which holds for all entries after it: one that would rename or resize them is refused. */
export const globalExtensions = (bytes: Buffer, refuse: Refuse): void => {
  for (const [key, value] of paxRecords(bytes, refuse)) {
    if (key === 'path' || key === 'linkpath' || key === 'size' || isSparse(key))
      throw refuse(`a global PAX header that sets "${key.slice(0, 40)}"`)
    const text = value.toString('latin1')
    if (key === 'hdrcharset' && !charsets.has(text)) throw refuse(`names in the character set "${text.slice(0, 40)}"`)
  }
}
