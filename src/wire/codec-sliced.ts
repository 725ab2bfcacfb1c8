import { failure } from '../core/errors.ts'
import { nextSlice, sliceIsOver } from '../core/slices.ts'
import { ContentRef } from '../core/content.ts'
import { ObjectRef } from '../core/object-ref.ts'
import { Tensor } from '../core/tensor.ts'
import type { Value } from '../core/value.ts'
import { decode, encode, type Encoded, lower, packr, Segments, tooLarge, unpacking } from './codec.ts'
import { limits } from './limits.ts'
import { createScanner, tooManyParts } from './scan.ts'
import { checkHeads, itemOf, type SegmentHead } from './segments.ts'

/** Values that are encoded or decoded at once, within some ms: what has more is cut into runs of so many. */
const RUN = 4000
/** Bodies up to this many bytes are decoded at once. */
const SMALL_BODY = 32 * 1024

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
const isLeaf = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || value instanceof Tensor || value instanceof ContentRef || value instanceof ObjectRef

/** How many values there are in one, itself too; counted up to a bound. */
const weigh = (value: unknown, most: number): number => {
  let left = most
  const visit = (one: unknown): void => {
    if (--left <= 0 || isLeaf(one)) return
    if (Array.isArray(one)) {
      if (one.length > left) left = 0
      for (let index = 0; left > 0 && index < one.length; index++) visit(one[index])
    } else if (typeof one === 'object' && one !== null && isPlain(one)) {
      for (const key in one) {
        if (left <= 0) return
        if (Object.hasOwn(one, key)) visit(Reflect.get(one, key))
      }
    }
  }
  visit(value)
  return most - left
}

/** The head of a list or map, as msgpackr writes it: two bytes for the count of a map, however small, and four where it needs them. */
const headOf = (kind: 'list' | 'map', count: number): Buffer => {
  if (kind === 'list' && count < 16) return Buffer.of(0x90 | count)
  if (count < 65_536) return Buffer.of(kind === 'list' ? 0xdc : 0xde, count >> 8, count & 0xff)
  const head = Buffer.alloc(5)
  head[0] = kind === 'list' ? 0xdd : 0xdf
  head.writeUInt32BE(count, 1)
  return head
}
/** Bytes of the head that a packed list or map begins with. */
const headBytes = ([tag = 0]: Uint8Array): number => (tag < 0xa0 ? 1 : tag === 0xdc || tag === 0xde ? 3 : 5)

/** A body that is made in runs. */
class Body {
  readonly #run: number
  readonly #pieces: Uint8Array[] = []
  #bytes = 0
  readonly segments = new Segments()

  constructor(run: number) {
    this.#run = run
  }
  #add(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#bytes += piece.byteLength
    if (this.#bytes > limits.bodyBytes) throw tooLarge(this.#bytes)
  }

  async write(value: readonly unknown[] | object, depth: number, path: string): Promise<void> {
    if (depth >= limits.depth)
      throw failure('invalid-argument', `${path === '' ? 'the value' : path} is nested more than ${limits.depth} deep, or holds itself`)
    const isList = Array.isArray(value)
    const kind = isList ? 'list' : 'map'
    const entries: readonly (readonly [string, unknown])[] = isList ? [] : Object.entries(value)
    const count = isList ? value.length : entries.length
    this.#add(headOf(kind, count))
    let run: unknown[] | Record<string, unknown> = isList ? [] : {}
    let [size, weight] = [0, 0]
    const flush = () => {
      if (size === 0) return
      const bytes = packr.pack(run)
      this.#add(bytes.subarray(headBytes(bytes)))
      run = isList ? [] : {}
      ;[size, weight] = [0, 0]
    }
    for (let index = 0; index < count; index++) {
      const [key, item]: readonly [string, unknown] = isList ? ['', value[index]] : entries[index]!
      const place = isList ? `${path}[${index}]` : path === '' ? key : `${path}.${key}`
      const own = weigh(item, this.#run)
      if (own >= this.#run) {
        flush()
        if (!isList) this.#add(packr.pack(keyOf(key, path, this.segments)))
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- lists and plain objects alone weigh so much
        await this.write(item as object, depth + 1, place)
      } else {
        if (Array.isArray(run)) run.push(lower(item, this.segments, depth + 1, place))
        else run[keyOf(key, path, this.segments)] = lower(item, this.segments, depth + 1, place)
        size++
        weight += own
        if (weight >= this.#run) flush()
      }
      if (sliceIsOver()) await nextSlice()
    }
    flush()
  }

  finish(): Encoded {
    const segments = this.segments.list
    return { body: Buffer.concat(this.#pieces, this.#bytes), segments, segmentBytes: checkHeads(segments) }
  }
}

/** A key, refused as `lower` refuses it. */
const keyOf = (key: string, path: string, segments: Segments): string => {
  lower({ [key]: null }, segments, 0, path)
  return key
}

/**
 * `encode` in slices of the main thread where the value has many parts: to the same value.
 * @param run values that are encoded at once
 * @throws as `encode` does
 */
export const encodeInSlices = (value: Value, run = RUN): Encoded | Promise<Encoded> => {
  if (weigh(value, run) < run) return encode(value)
  const body = new Body(run)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- lists and plain objects alone weigh so much
  return body.write(value as object, 0, '').then(() => body.finish())
}

/**
 * `decode` in slices of the main thread where the body is large: to the same value.
 * @param bounds the body that is decoded at once, in bytes, and the values that are looked at at once
 * @param room told of the memory that each part of the value will take, before it takes it; may refuse
 * @throws as `decode` does
 */
export const decodeInSlices = (
  body: Uint8Array,
  heads: readonly SegmentHead[],
  bytes: readonly Uint8Array[],
  bounds: Bounds = { bytes: SMALL_BODY, run: RUN },
  room: Room = () => undefined,
): Value | Promise<Value> =>
  body.byteLength <= bounds.bytes ? decode(body, heads, bytes, room) : decodeLarge(body, heads, bytes, bounds, room)

/** A key of a map: the scanner has let through nothing but texts. */
const textOf = (key: Value): string => (typeof key === 'string' ? key : '')

type Room = (bytes: number) => void

interface Bounds {
  readonly bytes: number
  readonly run: number
}

const decodeLarge = async (
  body: Uint8Array,
  heads: readonly SegmentHead[],
  bytes: readonly Uint8Array[],
  bounds: Bounds,
  room: Room,
): Promise<Value> => {
  const scanner = createScanner(body)
  const segments = heads.map((head, index) => itemOf(head, bytes[index] ?? new Uint8Array()))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the scanner has let through nothing but what Value names
  const unpack = (from: number, to: number) => unpacking(segments, () => packr.unpackMultiple(body.subarray(from, to)) as Value[])
  let taken = 0
  const read = (from: number, to: number) => {
    // All up to `to` has been passed.
    const { memory } = scanner
    if (memory > taken) room(memory - taken)
    taken = Math.max(taken, memory)
    return unpack(from, to)
  }
  /** Whether the item here has few parts: it is passed then. */
  const pass = (depth: number): boolean => {
    const { at, containers, items } = scanner
    scanner.left = bounds.run
    try {
      scanner.item(depth)
      return true
    } catch (error) {
      if (error !== tooManyParts) throw error
      scanner.at = at
      scanner.containers = containers
      scanner.items = items
      return false
    } finally {
      scanner.left = Number.POSITIVE_INFINITY
    }
  }
  const value = async (depth: number): Promise<Value> => {
    const from = scanner.at
    if (pass(depth)) return read(from, scanner.at)[0]
    const head = scanner.head(depth)
    if (head === undefined) throw failure('internal', `an item of many parts at byte ${from} that is no list and no map`)
    const list: Value[] = []
    const map: Record<string, Value> = {}
    let run = scanner.at
    const take = (to: number) => {
      if (to > run) {
        const found = read(run, to)
        if (head.kind === 'list') for (const one of found) list.push(one)
        else for (let at = 0; at < found.length; at += 2) map[textOf(found[at])] = found[at + 1]
      }
      run = scanner.at
    }
    for (let index = 0; index < head.count; index++) {
      const start = scanner.at
      if (head.kind === 'map') scanner.key()
      const inside = scanner.at
      if (!pass(depth + 1)) {
        scanner.at = start
        take(start)
        const key = head.kind === 'map' ? textOf(read(start, inside)[0]) : ''
        scanner.at = inside
        const made = await value(depth + 1)
        if (head.kind === 'list') list.push(made)
        else map[key] = made
        run = scanner.at
      } else if (scanner.at - run >= bounds.bytes) take(scanner.at)
      if (sliceIsOver()) await nextSlice()
    }
    take(scanner.at)
    return head.kind === 'list' ? list : map
  }
  const whole = await value(0)
  scanner.finish()
  return whole
}
