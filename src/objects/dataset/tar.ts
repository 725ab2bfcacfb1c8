import { failure } from '../../core/errors.ts'
import type { AdoptableFile, ContentPart } from '../../core/self.ts'
import { nextSlice, sliceIsOver } from '../../core/slices.ts'
import { nameOf } from './names.ts'
import type { SkipReason } from './report.ts'
import { MOST_SAMPLES } from './sample.ts'
import { type Extensions, globalExtensions, paxExtensions } from './tar-extensions.ts'
import { resolveLinks, type TarEntry, type TarLink } from './tar-links.ts'

export type { TarEntry } from './tar-links.ts'

const BLOCK = 512
/** A name, or a header of extensions, is held whole. */
const MOST_NAME = 4096
const MOST_EXTENSION = 64 * 1024
const MOST_SMALL = 64
/** Headers of small files lie close together: so much is read ahead. */
const AHEAD = 256 * 1024

const text = (block: Buffer, from: number, length: number): string => {
  const end = block.indexOf(0, from)
  return block.toString('utf8', from, end < 0 || end > from + length ? from + length : end)
}

/** The bytes of a name, up to the zero that ends it. */
const nameBytes = (block: Buffer, from: number, length: number): Buffer => {
  const end = block.indexOf(0, from)
  return block.subarray(from, end < 0 || end > from + length ? from + length : end)
}

/** Octal digits, or GNU's binary form for what is too large for them; undefined where it is neither. */
const numberAt = (block: Buffer, from: number, length: number): number | undefined => {
  if ((block[from]! & 0x80) !== 0) {
    let value = block[from]! & 0x7f
    for (let at = from + 1; at < from + length; at++) value = value * 256 + block[at]!
    return Number.isSafeInteger(value) ? value : undefined
  }
  const digits = text(block, from, length).trim()
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === '' ? '0' : digits, 8) : undefined
}

/** The sum of the header's bytes with its own field as spaces; some writers took the bytes as signed. */
const sumFits = (block: Buffer, sum: number | undefined): boolean => {
  let [plain, signed] = [0, 0]
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 32 : block[at]!
    plain += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  return sum === plain || sum === signed
}

type TarFile = Pick<AdoptableFile, 'path' | 'bytes' | 'read'>

/** Reads anywhere, with one span kept. */
const reader = (file: TarFile) => {
  let kept = Buffer.alloc(0)
  let start = 0
  return async (offset: number, length: number): Promise<Buffer> => {
    if (offset < start || offset + length > start + kept.length) {
      const span = Buffer.allocUnsafe(Math.min(Math.max(length, AHEAD), file.bytes - offset))
      kept = span.subarray(0, await file.read(span, offset))
      start = offset
    }
    return kept.subarray(offset - start, Math.min(kept.length, offset - start + length))
  }
}

const isUnsafe = (name: string): boolean => name.startsWith('/') || name.includes('\0') || name.split('/').includes('..')
/** Without the parts that lead nowhere: "./a//b" is "a/b". */
const shortened = (name: string): string =>
  name.startsWith('/') || !/(^|\/)(\.?\/|\.$)/.test(name)
    ? name
    : name
        .split('/')
        .filter((part, index, parts) => part !== '.' && (part !== '' || index === parts.length - 1))
        .join('/')

/** How far behind the end of a tar other bytes are looked for: writers fill it up with zeros. */
const MOST_FILLING = 1024 * 1024

/** The first block behind the end of a tar that holds anything but zeros. */
const behind = async (read: (offset: number, length: number) => Promise<Buffer>, end: number, size: number) => {
  for (let at = end; at < Math.min(size, end + MOST_FILLING); at += BLOCK) {
    const block = await read(at, Math.min(BLOCK, size - at))
    if (block.some((byte) => byte !== 0)) return { at, entry: block.length === BLOCK && sumFits(block, numberAt(block, 148, 8)) }
  }
  return undefined
}

/**
 * The regular files of a tar, found by their headers: nothing is unpacked, and what lies between the headers is not read.
 * Links to files within the tar are entries of the same bytes.
 * @param skip is called for each link that leads elsewhere
 * @param doubt is called with a sentence where entries may be missing: the end is missing, or is followed by other bytes
 * @throws ActiveStorageError `bad-sample` naming the byte of the header that is wrong
 */
export const indexTar = async (
  file: TarFile,
  signal: AbortSignal,
  skip: (reason: SkipReason, name: string) => void = () => undefined,
  doubt: (sentence: string) => void = () => undefined,
): Promise<readonly TarEntry[]> => {
  const { path, bytes: size } = file
  const read = reader(file)
  const entries: (TarEntry | TarLink)[] = []
  const finished = () => resolveLinks(entries, skip)
  let long: Extensions = {}
  for (let at = 0; ;) {
    if (signal.aborted) throw signal.reason
    if (sliceIsOver()) await nextSlice()
    const refuse = (what: string, remedy = 'write the tar again') => failure('bad-sample', `${path}, byte ${at}: ${what}: ${remedy}`)
    const block = at >= size ? Buffer.alloc(0) : await read(at, BLOCK)
    if (block.length < BLOCK) {
      if (at === 0) throw refuse(`this is no tar, with ${size} bytes`, 'copy it again, or unpack a compressed one to a plain tar')
      if (at > size) throw refuse('the tar is cut off after an entry', 'copy it again')
      if (block.length > 0) throw refuse('the tar is cut off within a header', 'copy it again')
      // Two blocks of zeros end a tar; some writers leave them out.
      doubt('the tar has no end (blocks of zeros): if it was cut off, entries are missing')
      return finished()
    }
    if (block.every((byte) => byte === 0)) {
      const other = await behind(read, at, size)
      if (other !== undefined)
        doubt(
          other.entry
            ? `entries behind the end of the tar, from byte ${other.at}, are not read: write tars that were joined as one tar`
            : `bytes behind the end of the tar, from byte ${other.at}, are not read`,
        )
      return finished()
    }
    const declared = numberAt(block, 124, 12)
    if (!sumFits(block, numberAt(block, 148, 8)))
      throw refuse('this is no header of a tar', 'a compressed one has to be unpacked to a plain tar first')
    if (declared === undefined) throw refuse('a size that is no number')
    const type = String.fromCharCode(block[156]!)
    const link = type === '1' || type === '2'
    const extension = type === 'L' || type === 'x' || type === 'g' || type === 'K'
    // A link has no bytes, whatever some writers say of its size.
    const bytes = extension ? declared : link ? 0 : (long.size ?? declared)
    const offset = at + BLOCK
    if (offset + bytes > size) throw refuse(`an entry of ${bytes} bytes ends beyond the ${size} bytes of the file`, 'copy it again')
    if (extension) {
      if (bytes > MOST_EXTENSION) throw refuse(`a header extension of ${bytes} bytes; the most is ${MOST_EXTENSION}`)
      const held = await read(offset, bytes)
      if (type === 'L') long = { ...long, path: Buffer.from(nameBytes(held, 0, held.length)) }
      if (type === 'K') long = { ...long, link: Buffer.from(nameBytes(held, 0, held.length)) }
      if (type === 'x') long = { ...long, ...paxExtensions(held, refuse) }
      if (type === 'g') globalExtensions(held, refuse)
    } else {
      const ustar = text(block, 257, 5) === 'ustar' && block[262] === 0
      const prefix = ustar ? nameBytes(block, 345, 155) : Buffer.alloc(0)
      const short = nameBytes(block, 0, 100)
      const given = nameOf(long.path ?? (prefix.length === 0 ? short : Buffer.concat([prefix, Buffer.from('/'), short])))
      const name = shortened(given.name)
      const target = nameOf(long.link ?? nameBytes(block, 157, 100)).name
      const { sparse = false } = long
      long = {}
      if (name.length > MOST_NAME || isUnsafe(name))
        throw refuse(
          `the name "${name.slice(0, 80)}" leads out of the tar, or is too long`,
          'write the tar again with names below its folder',
        )
      if (type === 'S' || sparse) throw refuse(`"${name}" is a sparse file`, 'write the tar again without --sparse')
      if (entries.length >= MOST_SAMPLES) throw failure('too-large', `${path} holds more than ${MOST_SAMPLES} files: split it`)
      if (link) entries.push({ name, escaped: given.escaped, target: shortened(target), hard: type === '1' })
      else if (type === '0' || type === '\0' || type === '7') {
        // Before ustar a folder was a file whose name ends with a slash.
        if (!name.endsWith('/')) entries.push({ name, escaped: given.escaped, offset, bytes })
      } else if (type !== '5') throw refuse(`"${name}" is no file but of type "${type}"`, 'leave it out')
    }
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK
  }
}

/** The bytes of small entries, of each as much as `MOST_SMALL` and one more. */
export const readTarParts = async (file: TarFile, parts: readonly ContentPart[], signal: AbortSignal): Promise<readonly Buffer[]> => {
  const read = reader(file)
  const found: Buffer[] = []
  for (const { offset, bytes } of parts) {
    if (signal.aborted) throw signal.reason
    found.push(Buffer.from(await read(offset, Math.min(bytes, MOST_SMALL + 1))))
  }
  return found
}
