import { failure } from '../core/errors.ts'

/**
 * How many parts an ONNX file may have. Each takes hundreds of bytes of memory here and in onnxruntime, and two bytes of the
 * file are enough to claim one; the largest models that exporters write have a tenth of these.
 */
export const BOUNDS = {
  nodes: 2 ** 18,
  /** Messages and texts of all kinds: names, attributes, tensors, types, sides, entries. */
  parts: 2 ** 20,
  depth: 128,
} as const

/** What a file has. */
export interface Counts {
  readonly nodes: number
  readonly parts: number
  /** Bytes of numbers of varying length, as int32_data and its like hold them: at least one for each number. */
  readonly numberBytes: number
}

/** What is inside each field of a message that is a message itself, by its number. */
interface Message {
  readonly [field: number]: Message
}
// The lists refer to each other: filled below.
const pair: Record<number, Message> = {}
const side: Record<number, Message> = {}
const type: Record<number, Message> = {}
const tensor: Record<number, Message> = {}
const sparse: Record<number, Message> = {}
const attribute: Record<number, Message> = {}
const node: Record<number, Message> = {}
const value: Record<number, Message> = {}
const graph: Record<number, Message> = {}
const fn: Record<number, Message> = {}
const typed = { 2: { 1: side } }
Object.assign(type, { 1: typed, 4: { 1: type }, 5: { 2: type }, 8: typed, 9: { 1: type } })
Object.assign(tensor, { 3: {}, 13: pair, 16: pair })
Object.assign(sparse, { 1: tensor, 2: tensor })
Object.assign(attribute, { 5: tensor, 6: graph, 10: tensor, 11: graph, 14: type, 15: type, 22: sparse, 23: sparse })
Object.assign(node, { 5: attribute, 9: pair })
Object.assign(value, { 2: type, 4: pair })
Object.assign(graph, { 1: node, 5: tensor, 11: value, 12: value, 13: value, 14: { 2: pair }, 15: sparse, 16: pair })
Object.assign(fn, { 7: node, 9: pair, 11: attribute, 12: value, 14: pair })
const model: Message = { 7: graph, 8: pair, 14: pair, 20: { 1: graph, 2: graph, 3: pair, 4: pair }, 25: fn }

// Fields of a tensor (int32_data, int64_data, uint64_data) and of an attribute.
const NUMBERS: ReadonlySet<number> = new Set([5, 7, 11])
const INTS = 8

/** The bytes of a file: an array, or what reads one piece by piece. */
export interface ByteSource {
  readonly length: number
  /** The byte at a place; undefined beyond the end. */
  at(place: number): number | undefined
}

const tooMany = (what: string) =>
  failure('bad-model', `the model has ${what}: simplify it (onnxsim, or constants folded by its exporter), or split it into several models`)

/** What is cut off, or no protobuf. */
class Broken extends Error {}

class Scan {
  readonly #source: ByteSource
  #at = 0
  nodes = 0
  parts = 0
  numberBytes = 0
  cut = false

  constructor(source: ByteSource) {
    this.#source = source
  }

  #varint(): number {
    let result = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = this.#source.at(this.#at++)
      if (byte === undefined || shift > 2 ** 63) throw new Broken()
      // Beyond 53 bits it is no length that any file has; the exact value does not matter then.
      result += (byte & 0x7f) * shift
      if (byte < 0x80) return result
    }
  }
  /** Counts a field of a length. @returns what is inside, where that is a message */
  #part(message: Message, field: number, length: number): Message | undefined {
    if (++this.parts > BOUNDS.parts) throw tooMany(`more than ${BOUNDS.parts} names, attributes, tensors and other parts`)
    const next = message[field]
    if (next === node && ++this.nodes > BOUNDS.nodes) throw tooMany(`more than ${BOUNDS.nodes} nodes`)
    if (message === tensor ? NUMBERS.has(field) : message === attribute && field === INTS) this.numberBytes += length
    return next
  }
  /** @throws Broken, ActiveStorageError */
  run(): void {
    const ends = [this.#source.length]
    const inside: Message[] = [model]
    for (;;) {
      const end = ends.at(-1) ?? 0
      if (this.#at >= end) {
        if (this.#at > end) throw new Broken()
        ends.pop()
        inside.pop()
        if (ends.length === 0) return
        continue
      }
      const tag = this.#varint()
      const kind = tag % 8
      if (kind === 0) this.#varint()
      else if (kind === 1) this.#at += 8
      else if (kind === 5) this.#at += 4
      else if (kind === 2) {
        // What is cut off is counted as far as it goes: another reader may take it.
        const stated = this.#varint()
        const length = Math.min(stated, Math.max(0, end - this.#at))
        if (length < stated) this.cut = true
        const next = this.#part(inside.at(-1) ?? model, Math.floor(tag / 8), length)
        if (next === undefined) this.#at += length
        else {
          if (ends.length >= BOUNDS.depth) throw tooMany(`parts inside of each other more than ${BOUNDS.depth} deep`)
          ends.push(this.#at + length)
          inside.push(next)
        }
      } else throw new Broken()
    }
  }
}

/**
 * Counts the parts of an ONNX file before any of it is made an object of. What is skipped by its length, as tensors are, costs
 * nothing; nothing is kept.
 * @param options.wholeOnly refuses what is cut off or no ONNX file; otherwise that is left to the next reader. Default true
 * @throws ActiveStorageError `bad-model` for more parts than `BOUNDS` allows, and for what is nested too deep
 */
export const checkBounds = (source: ByteSource, { wholeOnly = true }: { readonly wholeOnly?: boolean } = {}): Counts => {
  const scan = new Scan(source)
  try {
    scan.run()
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    scan.cut = true
  }
  if (scan.cut && wholeOnly) throw failure('bad-model', 'this is no ONNX file, or only a part of one: export or copy it again')
  const { nodes, parts, numberBytes } = scan
  return { nodes, parts, numberBytes }
}

const counted = new WeakMap<Uint8Array, Counts>()
/** The same for a file in memory, which is counted once. */
export const checkBoundsOf = (bytes: Uint8Array): Counts => {
  const known = counted.get(bytes)
  if (known !== undefined) return known
  const counts = checkBounds({ length: bytes.length, at: (place) => bytes[place] })
  counted.set(bytes, counts)
  return counts
}
