import { failure } from '../core/errors.ts'
import { limits } from './limits.ts'

/** MessagePack extension types of this protocol; docs/wire.md describes them. */
export const extensions = {
  /** What msgpackr writes for `undefined`: one byte, 0. */
  undefined: 0,
  /** uint32, big-endian: index of the segment that stands here. */
  segment: 1,
  /** UTF-8 JSON [hash, bytes, home]: a content reference. */
  content: 2,
  /** One byte, 0: the number -0, which MessagePack's integers cannot hold. */
  negativeZero: 3,
  /** UTF-8 JSON [type, id, home]: a reference to an object. */
  object: 4,
  timestamp: -1,
} as const
const allowed = new Set<number>(Object.values(extensions))

const malformed = (offset: number, what: string) => failure('malformed-message', `MessagePack body, byte ${offset}: ${what}`)

/** What V8 takes for a value, most of which are a number in a list or a short string, and for a list or map beside its items. */
const ITEM_BYTES = 16
const CONTAINER_BYTES = 64

/** Thrown where an item has more parts than may be looked at at once. */
export const tooManyParts = Symbol('too many parts')

/** A walk over a body, item by item. */
export interface Scanner {
  /** Where the walk is. */
  at: number
  /** Lists and maps so far. */
  containers: number
  /** Items so far. */
  items: number
  /** Bytes of memory that a value of what was passed takes, roughly, with those of the body. */
  readonly memory: number
  /** Items that `item` may look at before it throws `tooManyParts`. */
  left: number
  /** Passes an item with all that is in it. */
  item(depth: number): void
  /** Passes the key of an entry of a map. */
  key(): void
  /** Passes the head of a list or map. @returns what it is; undefined for any other item, which is not passed */
  head(depth: number): { readonly kind: 'list' | 'map'; readonly count: number } | undefined
  /** @throws where bytes follow */
  finish(): void
}

/**
 * Walks a MessagePack body and refuses, before msgpackr sees it, all that it would turn into more than plain data
 * (records, foreign extensions), deep nesting, lengths that the bytes cannot hold, and keys that name a prototype.
 * @param onExtension called with the type of each extension
 * @returns bytes of memory that the value will take, roughly: of plain data that is many times its own
 * @throws ActiveStorageError `malformed-message`
 */
export const scan = (bytes: Uint8Array, onExtension?: (type: number) => void): number => {
  const scanner = createScanner(bytes, onExtension)
  scanner.item(0)
  scanner.finish()
  return scanner.memory
}

/** The walk of `scan`, for bodies that are looked at in parts. @throws as `scan` does */
export const createScanner = (bytes: Uint8Array, onExtension?: (type: number) => void): Scanner => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = bytes.byteLength
  let at = 0
  let left = Number.POSITIVE_INFINITY

  const take = (count: number): number => {
    const start = at
    if (count > end - at) throw malformed(start, `${count} bytes are announced, ${end - at} are left`)
    at += count
    return start
  }
  const u8 = () => view.getUint8(take(1))
  const u16 = () => view.getUint16(take(2))
  const u32 = () => view.getUint32(take(4))

  const extension = (length: number) => {
    const start = at
    const type = view.getInt8(take(1))
    if (!allowed.has(type)) throw malformed(start, `extension type ${type} is not part of this protocol`)
    const size = type === extensions.segment ? 4 : type === extensions.undefined || type === extensions.negativeZero ? 1 : length
    if (
      size !== length ||
      (type === extensions.timestamp && ![4, 8, 12].includes(length)) ||
      ((type === extensions.content || type === extensions.object) && length > 512)
    ) {
      throw malformed(start, `extension type ${type} of ${length} bytes`)
    }
    onExtension?.(type)
    take(length)
  }
  let containers = 0
  let items = 0
  const contain = () => {
    if (++containers > limits.containers)
      throw failure(
        'too-large',
        `a body of more than ${limits.containers} lists and maps: send numbers as a Tensor and pages of long lists`,
      )
  }
  const beginList = (count: number) => {
    contain()
    if (count > end - at) throw malformed(at, `a list of ${count} items in ${end - at} bytes`)
  }
  const beginMap = (count: number) => {
    contain()
    if (count * 2 > end - at) throw malformed(at, `a map of ${count} entries in ${end - at} bytes`)
  }
  const list = (count: number, depth: number) => {
    beginList(count)
    for (let i = 0; i < count; i++) item(depth + 1)
  }
  const map = (count: number, depth: number) => {
    beginMap(count)
    for (let i = 0; i < count; i++) {
      key()
      item(depth + 1)
    }
  }
  const key = () => {
    const start = at
    const tag = u8()
    let length: number
    if (tag >= 0xa0 && tag <= 0xbf) length = tag & 0x1f
    else if (tag === 0xd9) length = u8()
    else if (tag === 0xda) length = u16()
    else if (tag === 0xdb) length = u32()
    else throw malformed(start, 'a map key that is not a string')
    const from = take(length)
    if (length === 9 && Buffer.from(bytes.buffer, bytes.byteOffset + from, 9).toString('latin1') === '__proto__') {
      throw malformed(start, 'the key "__proto__"')
    }
  }
  const item = (depth: number): void => {
    // No error: whoever set the bound goes on in another way.
    if (--left < 0) throw tooManyParts
    if (depth > limits.depth) throw malformed(at, `nested more than ${limits.depth} deep`)
    const start = at
    items++
    const tag = u8()
    if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return
    if (tag <= 0x8f) return map(tag & 0x0f, depth)
    if (tag <= 0x9f) return list(tag & 0x0f, depth)
    if (tag <= 0xbf) return void take(tag & 0x1f)
    switch (tag) {
      case 0xc4:
      case 0xd9:
        return void take(u8())
      case 0xc5:
      case 0xda:
        return void take(u16())
      case 0xc6:
      case 0xdb:
        return void take(u32())
      case 0xc7:
        return extension(u8())
      case 0xc8:
        return extension(u16())
      case 0xca:
      case 0xce:
      case 0xd2:
        return void take(4)
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return void take(8)
      case 0xcc:
      case 0xd0:
        return void take(1)
      case 0xcd:
      case 0xd1:
        return void take(2)
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return extension(1 << (tag - 0xd4))
      case 0xdc:
        return list(u16(), depth)
      case 0xdd:
        return list(u32(), depth)
      case 0xde:
        return map(u16(), depth)
      case 0xdf:
        return map(u32(), depth)
      default:
        throw malformed(start, `the tag 0x${tag.toString(16)} is not part of this protocol`)
    }
  }
  const head: Scanner['head'] = (depth) => {
    if (depth > limits.depth) throw malformed(at, `nested more than ${limits.depth} deep`)
    const tag = at < end ? view.getUint8(at) : 0
    const isMap = (tag & 0xf0) === 0x80 || tag === 0xde || tag === 0xdf
    if (!isMap && (tag & 0xf0) !== 0x90 && tag !== 0xdc && tag !== 0xdd) return undefined
    at++
    items++
    const count = tag < 0xa0 ? tag & 0x0f : tag === 0xdc || tag === 0xde ? u16() : u32()
    if (isMap) beginMap(count)
    else beginList(count)
    return { kind: isMap ? 'map' : 'list', count }
  }
  return {
    get at() {
      return at
    },
    set at(place) {
      at = place
    },
    get containers() {
      return containers
    },
    set containers(count) {
      containers = count
    },
    get items() {
      return items
    },
    set items(count) {
      items = count
    },
    get memory() {
      return end + items * ITEM_BYTES + containers * CONTAINER_BYTES
    },
    get left() {
      return left
    },
    set left(count) {
      left = count
    },
    item,
    key,
    head,
    finish() {
      if (at !== end) throw malformed(at, `${end - at} bytes follow the value`)
    },
  }
}
