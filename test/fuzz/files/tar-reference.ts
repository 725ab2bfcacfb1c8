/** A tar as those who unpack it would have it, by a reader of its own; undefined for what it is not sure of. */

const BLOCK = 512
const IMAGE = /[^/]\.(jpg|jpeg|png|webp)$/i
const HIDDEN = /(^|\/)(\.[^/]|__macosx(\/|$))/i

interface Held {
  readonly bytes?: Buffer
  /** Of a symbolic link. */
  readonly target?: string
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}
const upToZero = (block: Buffer, from: number, to: number): Buffer => {
  const zero = block.indexOf(0, from)
  return block.subarray(from, zero < 0 || zero > to ? to : zero)
}

const numberOf = (field: Buffer): number | undefined => {
  if (field[0] === 0x80) return field.subarray(1, 5).every((byte) => byte === 0) ? Number(field.readBigUInt64BE(4)) : undefined
  const digits = /^ *([0-7]+)[ \0]*$/.exec(field.toString('latin1'))?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 8)
}

/** Records of a PAX header; undefined where one is in doubt. */
const paxOf = (bytes: Buffer): ReadonlyMap<string, Buffer> | undefined => {
  const found = new Map<string, Buffer>()
  for (let at = 0; at < bytes.length;) {
    const [, digits = ''] = /^([1-9]\d{0,5}) [^=]+=/.exec(bytes.toString('latin1', at, at + 200)) ?? []
    const length = Number(digits)
    if (length === 0 || at + length > bytes.length || bytes[at + length - 1] !== 10) return undefined
    const equals = bytes.indexOf(61, at)
    if (equals >= at + length) return undefined
    found.set(bytes.toString('utf8', at + digits.length + 1, equals), bytes.subarray(equals + 1, at + length - 1))
    at += length
  }
  return found
}

const normal = (path: string): string | undefined => {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}

const resolved = (all: ReadonlyMap<string, Held>, name: string, steps = 0): Buffer | undefined => {
  const held = all.get(name)
  if (held?.target === undefined || steps > 30) return held?.bytes
  if (held.target.startsWith('/')) return undefined
  const path = normal(`${name.split('/').slice(0, -1).join('/')}/${held.target}`)
  return path === undefined ? undefined : resolved(all, path, steps + 1)
}

/** The bytes of the images in a tar by their names, hidden ones left out. */
export const tarFiles = (tar: Buffer): ReadonlyMap<string, Buffer> | undefined => {
  const all = new Map<string, Held>()
  let extended = new Map<string, Buffer>()
  for (let at = 0; at < tar.length;) {
    const block = tar.subarray(at, at + BLOCK)
    if (block.length < BLOCK) return undefined
    if (block.every((byte) => byte === 0)) break
    const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
    if (numberOf(block.subarray(148, 156)) !== sum) return undefined
    const stated = numberOf(block.subarray(124, 136))
    const type = block[156] === 0 ? '0' : String.fromCharCode(block[156]!)
    if (stated === undefined) return undefined
    const isExtension = 'LKxg'.includes(type)
    const pax = extended.get('size')?.toString('latin1')
    if (!isExtension && pax !== undefined && !/^(0|[1-9]\d*)$/.test(pax)) return undefined
    const size = isExtension || pax === undefined ? stated : Number(pax)
    if ('12'.includes(type) && size !== 0) return undefined
    const content = tar.subarray(at + BLOCK, at + BLOCK + size)
    if (content.length < size) return undefined
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    if (type === 'L') extended.set('path', upToZero(Buffer.concat([content, Buffer.alloc(1)]), 0, size))
    else if (type === 'K') extended.set('linkpath', upToZero(Buffer.concat([content, Buffer.alloc(1)]), 0, size))
    else if (type === 'x' || type === 'g') {
      const records = paxOf(content)
      if (records === undefined || [...records.keys()].some((key) => key.startsWith('GNU.') || key === 'hdrcharset')) return undefined
      if (type === 'x') for (const [key, value] of records) extended.set(key, value)
      else if (['path', 'linkpath', 'size'].some((key) => records.has(key))) return undefined
    }
    if (isExtension) continue
    const magic = block.toString('latin1', 257, 263)
    if (magic !== 'ustar\0' && magic !== 'ustar ' && magic !== '\0'.repeat(6)) return undefined
    const prefix = magic === 'ustar\0' ? upToZero(block, 345, 500) : Buffer.alloc(0)
    const short = upToZero(block, 0, 100)
    const given = extended.get('path') ?? (prefix.length === 0 ? short : Buffer.concat([prefix, Buffer.from('/'), short]))
    const target = textOf(extended.get('linkpath') ?? upToZero(block, 157, 257))
    extended = new Map()
    const path = textOf(given)
    const name = path === undefined ? undefined : normal(path)
    if (path === undefined || name === undefined || target === undefined || path.startsWith('/') || path.split('/').includes('..'))
      return undefined
    if (type === '5') continue
    if (path.endsWith('/')) return undefined
    if (type === '0' || type === '7') all.set(name, { bytes: content })
    else if (type === '2') all.set(name, { target })
    else if (type === '1') {
      const other = all.get(normal(target) ?? '')
      if (other === undefined) return undefined
      all.set(name, other)
    } else return undefined
  }
  const images = [...all.keys()].filter((name) => IMAGE.test(name) && !HIDDEN.test(name))
  return new Map(images.flatMap((name): [string, Buffer][] => { const bytes = resolved(all, name); return bytes === undefined ? [] : [[name, bytes]] })) // prettier-ignore
}
