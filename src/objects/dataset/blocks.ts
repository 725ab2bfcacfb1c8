import type { Content } from '../../core/self.ts'
import { eachSliced } from '../../core/slices.ts'

/** Samples lie in pieces of content of this size: one is read for a sample, and few are needed for a batch in order. */
const BLOCK = 1024 * 1024

type Ref = Awaited<ReturnType<Content['put']>>

/** Gathers bytes to pieces of content; `done` is called for each run of bytes, with the content that it lies in. */
export const blocks = <T>(put: Content['put'], done: (content: Ref, held: T & { offset: number; bytes: number }) => void) => {
  let block = Buffer.allocUnsafeSlow(BLOCK)
  let held: (T & { offset: number; bytes: number })[] = []
  let size = 0
  return {
    /** Whether enough is gathered: `flush` then. */
    add(bytes: Uint8Array, what: T): boolean {
      held.push({ ...what, offset: size, bytes: bytes.byteLength })
      if (size + bytes.byteLength > block.byteLength) {
        const larger = Buffer.allocUnsafeSlow(size + bytes.byteLength)
        block.copy(larger, 0, 0, size)
        block = larger
      }
      block.set(bytes, size)
      size += bytes.byteLength
      return size >= BLOCK
    },
    async flush() {
      if (held.length === 0) return
      const [full, inside] = [block.subarray(0, size), held]
      block = Buffer.allocUnsafeSlow(BLOCK)
      held = []
      size = 0
      const content = await put(full)
      await eachSliced(inside, (one) => done(content, one))
    },
  }
}

/** `Buffer.concat` in slices. */
export const concatSliced = async (parts: readonly Uint8Array[]): Promise<Buffer> => {
  let size = 0
  await eachSliced(parts, ({ byteLength }) => (size += byteLength))
  const made = Buffer.allocUnsafeSlow(size)
  let at = 0
  await eachSliced(parts, (part) => {
    made.set(part, at)
    at += part.byteLength
  })
  return made
}
