// LMDB keeps no checksums of its pages, and follows what they say: a damaged one may lead it out of its file, which ends the
// process. Here they are read as plain bytes. The layout is that of the LMDB inside of lmdb-js (data version 2, 64 bits,
// little-endian; MDB_page_header, MDB_node, MDB_db and MDB_meta of its mdb.c).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { failure } from '../../core/errors.ts'

export const PAGE = 4096
const HEADER = 24
const NODE = 8
/** Where a page says of what kind it is. */
const KIND = 18
/** What stands in the place of a long value: its page, the commit, and how many pages. */
const PLACE = 24
const [BRANCH, LEAF, OVERFLOW, META] = [1, 2, 4, 8]
const BIG = 1
const INTEGER_KEYS = 8
const MAGIC = 0xbeefc0de
const VERSION = 2
const NO_ROOT = 2n ** 64n - 1n
/** LMDB's cursors hold as many pages. */
const MOST_DEPTH = 32

interface Tree {
  readonly flags: number
  readonly depth: number
  readonly root: bigint
}
interface Meta {
  readonly pageSize: number
  readonly txn: bigint
  readonly lastPage: bigint
  readonly free: Tree
  readonly main: Tree
}

interface Entry {
  readonly key: Buffer
  readonly flag: number
  readonly length: number
  readonly value: Buffer
}

type Damaged = (page: number, what: string) => Error
/** Takes pages, each once, to which the page `from` leads. @returns the bytes of the first */
type Take = (from: number, page: bigint, count: bigint) => Buffer

const treeAt = (bytes: Buffer, at: number): Tree => ({
  flags: bytes.readUInt16LE(at + 4),
  depth: bytes.readUInt16LE(at + 6),
  root: bytes.readBigUInt64LE(at + 40),
})
/** Undefined where this is no page that describes a store. */
const metaOf = (page: Buffer): Meta | undefined => {
  if ((page.readUInt16LE(KIND) & META) === 0 || page.readUInt32LE(24) !== MAGIC || page.readUInt32LE(28) !== VERSION) return undefined
  const [free, main] = [treeAt(page, 48), treeAt(page, 96)]
  return { pageSize: page.readUInt32LE(48), txn: page.readBigUInt64LE(152), lastPage: page.readBigUInt64LE(144), free, main }
}

/** Pages are mapped, and a read of one beyond the file's end would end the process. */
export const cutShort = (file: string, size: number, pages: bigint) =>
  failure(
    'storage-failed',
    `${file} has been cut short: it has ${size} bytes, and its pages ${pages * BigInt(PAGE)}; restore the folder from a backup`,
  )

/**
 * Walks over all pages of the last commit in a store's file that no process has open: each leads to pages within the file, and
 * holds its keys, in order, and their values. Values themselves are not looked at, nor pages that are free.
 * Reads each page once, in the order of the keys: some 4 to 13 µs a page of 4 KiB.
 * @throws ActiveStorageError `storage-failed`, which names the page
 */
export const checkPages = (file: string): void => {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const damaged: Damaged = (page, what) =>
      failure('storage-failed', `${file} is damaged: page ${page} ${what}; restore the folder from a backup`)
    const read = (page: number): Buffer => {
      const bytes = Buffer.alloc(PAGE)
      if (readSync(descriptor, bytes, 0, PAGE, page * PAGE) !== PAGE) throw damaged(page, 'cannot be read')
      return bytes
    }
    const described = (page: number): Meta => {
      const found = metaOf(read(page))
      if (found === undefined) throw damaged(page, 'does not say that this is a store')
      if (found.pageSize !== PAGE) throw damaged(page, `names pages of ${found.pageSize} bytes`)
      return found
    }
    // Commits are told of in turns by the first two pages.
    const [first, second] = [described(0), described(1)]
    const [number, meta] = second.txn > first.txn ? [1, second] : [0, first]
    if (meta.lastPage >= BigInt(Math.floor(size / PAGE))) throw cutShort(file, size, meta.lastPage + 1n)
    const take = taking(Number(meta.lastPage) + 1, read, damaged)
    checkTree(number, meta.main, false, take, damaged)
    checkTree(number, meta.free, true, take, damaged)
  } finally {
    closeSync(descriptor)
  }
}

const taking = (inUse: number, read: (page: number) => Buffer, damaged: Damaged): Take => {
  const taken = new Uint8Array(inUse)
  return (from, page, count) => {
    const end = page + count
    if (page < 2n || end > BigInt(inUse)) throw damaged(from, `leads to page ${page}, outside of the ${inUse} in use`)
    for (let each = Number(page); each < Number(end); each++) {
      if (taken[each] === 1) throw damaged(from, `leads to page ${each}, which is in use elsewhere`)
      taken[each] = 1
    }
    const bytes = read(Number(page))
    if (bytes.readBigUInt64LE(0) !== page) throw damaged(Number(page), `says that it is page ${bytes.readBigUInt64LE(0)}`)
    return bytes
  }
}

/** @param number of the page that tells of the tree */
const checkTree = (number: number, { depth, root, flags }: Tree, integerKeys: boolean, take: Take, damaged: Damaged): void => {
  if (flags !== (integerKeys ? INTEGER_KEYS : 0)) throw damaged(number, `has the flags ${flags} for a tree, which no tree here has`)
  if (root === NO_ROOT) return
  if (depth < 1 || depth > MOST_DEPTH) throw damaged(number, `says that a tree is ${depth} pages deep`)
  let before: Buffer | undefined
  /** A key and its value, of a leaf. */
  const checkEntry = (page: number, i: number, { key, flag, length, value }: Entry): void => {
    if (integerKeys ? key.length !== 8 : key.length === 0) throw damaged(page, `has a key of ${key.length} bytes in entry ${i}`)
    if (before !== undefined && !isAfter(key, before, integerKeys)) throw damaged(page, `has the key of entry ${i} out of order`)
    before = key
    if (flag !== 0 && flag !== BIG) throw damaged(page, `has the flags ${flag} in entry ${i}, which no entry here has`)
    if ((flag === BIG ? PLACE : length) > value.length) throw damaged(page, `has the value of entry ${i} outside of itself`)
    if (flag !== BIG) return
    const [at, count] = [value.readBigUInt64LE(0), value.readBigUInt64LE(16)]
    // It may have more than it needs: a shorter value takes the pages of the one before it.
    if (count * BigInt(PAGE) < length + HEADER) throw damaged(page, `has ${count} pages for a value of ${length} bytes`)
    if (take(page, at, count).readUInt16LE(KIND) !== OVERFLOW) throw damaged(Number(at), 'is no page of a long value where one should be')
  }
  const visit = (from: number, at: bigint, left: number): void => {
    const bytes = take(from, at, 1n)
    const page = Number(at)
    const kind = left === 1 ? LEAF : BRANCH
    if (bytes.readUInt16LE(KIND) !== kind) throw damaged(page, `is no ${left === 1 ? 'leaf' : 'branch'} where one should be`)
    const [lower, upper] = [bytes.readUInt16LE(20), bytes.readUInt16LE(22)]
    if (lower % 2 !== 0 || lower > upper || upper > PAGE - HEADER || lower < (kind === BRANCH ? 4 : 2))
      throw damaged(page, 'has bounds that no page has')
    for (let i = 0; i < lower / 2; i++) {
      const start = bytes.readUInt16LE(HEADER + 2 * i)
      if (start < upper || start % 2 !== 0 || start + NODE > PAGE - HEADER) throw damaged(page, `has entry ${i} outside of itself`)
      const node = bytes.subarray(HEADER + start)
      const keySize = node.readUInt16LE(6)
      if (NODE + keySize > node.length) throw damaged(page, `has the key of entry ${i} outside of itself`)
      const value = node.subarray(NODE + keySize)
      if (kind === BRANCH) visit(page, BigInt(node.readUIntLE(0, 6)), left - 1)
      else
        checkEntry(page, i, {
          key: node.subarray(NODE, NODE + keySize),
          flag: node.readUInt16LE(4),
          length: node.readUInt32LE(0),
          value,
        })
    }
  }
  visit(number, root, depth)
}

const isAfter = (key: Buffer, before: Buffer, integerKeys: boolean): boolean =>
  integerKeys ? key.readBigUInt64LE(0) > before.readBigUInt64LE(0) : Buffer.compare(key, before) > 0
