/** A table read one character at a time, as RFC 4180 has it with CR and LF as line ends; undefined where it is refused. */
export const slowRecords = (text: string, delimiter: string, quotes: boolean): string[][] | undefined => {
  const records: string[][] = []
  let [record, field, state]: [string[], string, 'start' | 'plain' | 'quoted' | 'closed'] = [[], '', 'start']
  const endField = () => {
    record.push(field)
    field = ''
    state = 'start'
  }
  const endRecord = () => {
    const empty = record.length === 0 && state === 'start'
    endField()
    if (!empty) records.push(record)
    record = []
  }
  const chars = Array.from(text)
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!
    if (state === 'quoted') {
      if (char !== '"') field += char
      else if (chars[at + 1] === '"') field += chars[++at]!
      else state = 'closed'
    } else if (char === '\n' || char === '\r') {
      endRecord()
      if (char === '\r' && chars[at + 1] === '\n') at++
    } else if (char === delimiter) endField()
    else if (state === 'closed') return undefined
    else if (char === '"' && quotes) {
      if (state === 'plain') return undefined
      state = 'quoted'
    } else {
      field += char
      state = 'plain'
    }
  }
  if (state === 'quoted') return undefined
  if (record.length > 0 || state !== 'start') endRecord()
  return records
}
