import type { Content } from '../../core/self.ts'

/** Samples lie in pieces of content of this size: one is read for a sample, and few are needed for a batch in order. */
const BLOCK = 1024 * 1024

/** Gathers bytes to pieces of content; `done` is called for each piece, with what lies in it. */
export const blocks = <T>(
  put: Content['put'],
  done: (content: Awaited<ReturnType<Content['put']>>, held: readonly (T & { offset: number; bytes: number })[]) => void,
) => {
  let parts: Uint8Array[] = []
  let held: (T & { offset: number; bytes: number })[] = []
  let size = 0
  const flush = async () => {
    if (held.length === 0) return
    done(await put(Buffer.concat(parts)), held)
    parts = []
    held = []
    size = 0
  }
  return {
    /** Whether enough is gathered: `flush` then. */
    add(bytes: Uint8Array, what: T): boolean {
      held.push({ ...what, offset: size, bytes: bytes.byteLength })
      parts.push(bytes)
      size += bytes.byteLength
      return size >= BLOCK
    },
    flush,
  }
}
