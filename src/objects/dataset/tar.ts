import { type FileHandle, open } from 'node:fs/promises'
import { failure } from '../../core/errors.ts'
import type { ContentPart } from '../../core/self.ts'
import { MOST_SAMPLES } from './sample.ts'

/** A regular file within a tar: its path there, and its bytes within the tar. */
export interface TarEntry extends ContentPart {
  readonly name: string
}

const BLOCK = 512
/** A name, or a header of extensions, is held whole. */
const MOST_NAME = 4096
const MOST_EXTENSION = 64 * 1024
/** Headers of small files lie close together: so much is read ahead. */
const AHEAD = 256 * 1024

const text = (block: Buffer, from: number, length: number): string => {
  const end = block.indexOf(0, from)
  return block.toString('utf8', from, end < 0 || end > from + length ? from + length : end)
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

/** The `path` and `size` records of a PAX header: "LENGTH KEY=VALUE\n", over and over. */
const paxRecords = (bytes: Buffer, refuse: (what: string) => Error): { path?: string; size?: number } => {
  const found: { path?: string; size?: number } = {}
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const space = bytes.indexOf(32, at)
    const length = space < 0 || space - at > 8 ? Number.NaN : Number(bytes.toString('latin1', at, space))
    if (!Number.isSafeInteger(length) || length < space - at + 3 || at + length > bytes.length || bytes[at + length - 1] !== 10)
      throw refuse('a PAX header whose records do not fit it')
    const [key, value] = [
      bytes.toString('utf8', space + 1, bytes.indexOf(61, space)),
      bytes.toString('utf8', bytes.indexOf(61, space) + 1, at + length - 1),
    ]
    if (key === 'path') found.path = value
    if (key === 'size') {
      found.size = /^\d{1,15}$/.test(value) ? Number(value) : undefined!
      if (found.size === undefined) throw refuse(`a PAX size of "${value.slice(0, 40)}"`)
    }
    at += length
  }
  return found
}

/** Reads anywhere, with one span kept. */
const reader = (handle: FileHandle, size: number) => {
  let kept = Buffer.alloc(0)
  let start = 0
  return async (offset: number, length: number): Promise<Buffer> => {
    if (offset < start || offset + length > start + kept.length) {
      const wanted = Math.min(Math.max(length, AHEAD), size - offset)
      const span = Buffer.allocUnsafe(wanted)
      const { bytesRead } = await handle.read(span, 0, wanted, offset)
      kept = span.subarray(0, bytesRead)
      start = offset
    }
    return kept.subarray(offset - start, Math.min(kept.length, offset - start + length))
  }
}

const unsafeName = (name: string): boolean => name.startsWith('/') || name.includes('\0') || name.split('/').includes('..')

/**
 * The regular files of a tar, found by their headers: nothing is unpacked, and what lies between the headers is not read.
 * @throws ActiveStorageError `bad-sample` naming the byte of the header that is wrong
 */
export const indexTar = async (path: string, signal: AbortSignal): Promise<readonly TarEntry[]> => {
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    const read = reader(handle, size)
    const entries: TarEntry[] = []
    let long: { path?: string; size?: number } = {}
    for (let at = 0; ;) {
      if (signal.aborted) throw signal.reason
      const refuse = (what: string, remedy = 'write the tar again') => failure('bad-sample', `${path}, byte ${at}: ${what}: ${remedy}`)
      const block = at >= size ? Buffer.alloc(0) : await read(at, BLOCK)
      if (block.length < BLOCK) {
        // Two blocks of zeros end a tar; some writers leave them out.
        if (block.length === 0 && at > 0) return entries
        throw refuse('the tar is cut off within a header', 'copy it again')
      }
      if (block.every((byte) => byte === 0)) return entries
      const declared = numberAt(block, 124, 12)
      if (!sumFits(block, numberAt(block, 148, 8)))
        throw refuse('this is no header of a tar', 'a compressed one has to be unpacked to a plain tar first')
      if (declared === undefined) throw refuse('a size that is no number')
      const type = String.fromCharCode(block[156]!)
      const extension = type === 'L' || type === 'x' || type === 'g' || type === 'K'
      const bytes = extension ? declared : (long.size ?? declared)
      const offset = at + BLOCK
      if (offset + bytes > size) throw refuse(`an entry of ${bytes} bytes ends beyond the ${size} bytes of the file`, 'copy it again')
      if (extension) {
        if (bytes > MOST_EXTENSION) throw refuse(`a header extension of ${bytes} bytes; the most is ${MOST_EXTENSION}`)
        const held = await read(offset, bytes)
        if (type === 'L') long = { ...long, path: text(held, 0, held.length) }
        if (type === 'x') long = { ...long, ...paxRecords(held, refuse) }
      } else {
        const ustar = text(block, 257, 5) === 'ustar' && block[262] === 0
        const prefix = ustar ? text(block, 345, 155) : ''
        const name = (long.path ?? (prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`)).replace(/^(\.\/)+/, '')
        long = {}
        if (name.length > MOST_NAME || unsafeName(name))
          throw refuse(
            `the name "${name.slice(0, 80)}" leads out of the tar, or is too long`,
            'write the tar again with names below its folder',
          )
        if (type === '1' || type === '2')
          throw refuse(`"${name}" is a link`, 'write the tar again with the files themselves (tar --dereference --hard-dereference)')
        if (type === 'S') throw refuse(`"${name}" is a sparse file`, 'write the tar again without --sparse')
        if (type === '0' || type === '\0' || type === '7') {
          if (entries.length >= MOST_SAMPLES) throw failure('too-large', `${path} holds more than ${MOST_SAMPLES} files: split it`)
          entries.push({ name, offset, bytes })
        } else if (type !== '5') throw refuse(`"${name}" is no file but of type "${type}"`, 'leave it out')
      }
      at = offset + Math.ceil(bytes / BLOCK) * BLOCK
    }
  } finally {
    await handle.close()
  }
}
