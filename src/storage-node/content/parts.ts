import type { FileHandle } from 'node:fs/promises'
import { failure } from '../../core/errors.ts'
import type { ContentPart } from '../../core/self.ts'

/** Bytes read at once, and parts given at once, while a file is gone through. */
const SPAN = 4 * 1024 * 1024
const GROUP = 500
/** A part is read whole. */
const LARGEST = 1024 ** 3

/** Fills the buffer from a place in the file. @throws `content-changed` where the file ends before */
const fill = async (handle: FileHandle, path: string, into: Uint8Array, offset: number): Promise<void> => {
  for (let done = 0; done < into.byteLength;) {
    const { bytesRead } = await handle.read(into, done, into.byteLength - done, offset + done)
    if (bytesRead === 0)
      throw failure(
        'content-changed',
        `${path} ends at byte ${offset + done}, within a part that was adopted: restore the file, or adopt it again`,
      )
    done += bytesRead
  }
}

/** The bytes of one part of an open file. @throws `content-changed` */
export const readPart = async (handle: FileHandle, path: string, part: ContentPart): Promise<Uint8Array> => {
  const bytes = Buffer.allocUnsafeSlow(part.bytes)
  await fill(handle, path, bytes, part.offset)
  return bytes
}

/** Parts with their bytes, in groups and in the order given; neighbours are read together, so memory stays small. */
export async function* partsRead(
  handle: FileHandle,
  path: string,
  size: number,
  parts: readonly ContentPart[],
): AsyncGenerator<readonly { readonly offset: number; readonly bytes: Uint8Array }[]> {
  for (const { offset, bytes } of parts) {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(bytes) || offset < 0 || bytes < 0 || offset + bytes > size)
      throw failure('invalid-argument', `${path}: a part of ${bytes} bytes at ${offset} lies outside its ${size} bytes`)
    if (bytes > LARGEST) throw failure('too-large', `${path}: a part of ${bytes} bytes at ${offset}; the most is ${LARGEST}`)
  }
  for (let from = 0; from < parts.length;) {
    const first = parts[from]!
    let to = from + 1
    let end = first.offset + first.bytes
    // As far as they go on upwards within one span.
    for (let next = parts[to]; next !== undefined && to - from < GROUP; next = parts[++to]) {
      if (next.offset < first.offset || Math.max(end, next.offset + next.bytes) - first.offset > SPAN) break
      end = Math.max(end, next.offset + next.bytes)
    }
    const span = Buffer.allocUnsafeSlow(end - first.offset)
    await fill(handle, path, span, first.offset)
    yield parts
      .slice(from, to)
      .map(({ offset, bytes }) => ({ offset, bytes: span.subarray(offset - first.offset, offset - first.offset + bytes) }))
    from = to
  }
}
