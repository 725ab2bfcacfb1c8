import '../half-as-bits.ts'
import { fstatSync, readSync } from 'node:fs'
import { failure, toFailure } from '../../../core/errors.ts'
import type { Value } from '../../../core/value.ts'
import { type Frame, pack, readFrame, unpack, writeAll } from './frames.ts'
import { tieTo } from './guard.ts'
import type { Server } from './server.ts'

/**
 * The program of a compute process. It reads questions from a pipe and writes answers to it, one after the other, and ends with
 * the pipe. Reading blocks the thread: there is nothing else to do, and nothing is faster.
 */

const PIPE = 3
const FILE = 4

const filled = (into: Buffer): boolean => {
  for (let at = 0; at < into.length;) {
    const count = readSync(PIPE, into, at, into.length - at, null)
    if (count === 0) return false
    at += count
  }
  return true
}

// Inputs lie in the same memory run after run: fresh pages for each would cost more than reading them.
const REUSED = 64 * 1024 * 1024
let arena = new Uint8Array(0)
let used = 0
const memoryFor = (bytes: number, reuse: boolean): Uint8Array => {
  const at = Math.ceil(used / 64) * 64
  if (!reuse || at + bytes > REUSED) return new Uint8Array(bytes)
  used = at + bytes
  if (used > arena.byteLength) {
    // What lies in the one before stays there for those who have it.
    arena = new Uint8Array(Math.min(REUSED, 2 * used))
  }
  return arena.subarray(at, used)
}

const fromFile =
  (reuse: boolean) =>
  (offset: number, byteLength: number): Uint8Array => {
    const into = memoryFor(byteLength, reuse)
    for (let done = 0; done < byteLength;) {
      const count = readSync(FILE, into, done, byteLength - done, offset + done)
      if (count === 0) throw failure('internal', `a segment that ends at byte ${fstatSync(FILE).size} of the file`)
      done += count
    }
    return into
  }

const send = (value: Value, mostBytes: number): void => {
  const { packet, filed, fileBytes } = pack(value)
  if (fileBytes > mostBytes)
    throw failure(
      'too-large',
      `the outputs of the model take ${fileBytes} bytes, where this host takes ${mostBytes} in one result: ask for less at a time, or raise --memory, of which that is half`,
    )
  for (const { offset, bytes } of filed) writeAll(FILE, bytes, offset)
  writeAll(PIPE, packet, null)
}
const receive = (): Frame => readFrame(filled) ?? process.exit(0)

await tieTo(Number(process.argv[2]))
const { serverOf } = await import('./server.ts')
let server: Server | undefined
for (;;) {
  const frame = receive()
  used = 0
  const asked = unpack(frame, fromFile(server?.reuses ?? false))
  let answer: Value
  if (server === undefined) {
    const opened = await serverOf(asked)
    server = opened.server
    answer = opened.answer
  } else answer = await server.answer(asked)
  try {
    send(answer, server.mostBytes)
  } catch (error) {
    const { code, text } = toFailure(error)
    send(server.failed(code === 'too-large' ? 'too-large' : 'internal', text), Infinity)
  }
}
