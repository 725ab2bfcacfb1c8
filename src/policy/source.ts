import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { type ActiveStorageError, failure } from '../core/errors.ts'

/** A policy of this size is no policy; the bound keeps a hostile file from costing more than a message. */
export const MAX_FILE_BYTES = 2 ** 20
const MAX_DEPTH = 16

/** Where a value and its key begin, as offsets into the text. */
interface Place {
  readonly value: number
  readonly key: number
}

/** A YAML text as plain data that remembers where each part stood. */
export interface Source {
  readonly data: unknown
  /** An error at the place of a JSON pointer: at its value, or at its key where the key itself is wrong. */
  problem(pointer: string, text: string, at?: 'value' | 'key'): ActiveStorageError
}

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

const inOwnWords = (code: string, message: string): string => {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab in the indentation; YAML is indented with spaces'
    case 'DUPLICATE_KEY':
      return 'this key stands twice in the same mapping'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; a policy is one document'
    default:
      return `this is not valid YAML: ${message}`
  }
}

/** A key or index as a part of a JSON pointer (RFC 6901). */
export const pointerPart = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')

/**
 * Reads one YAML document. The tree is walked here rather than by the library's `toJS`: aliases, tags and keys that are
 * no plain words are refused instead of expanded, and every part keeps its position.
 * @throws ActiveStorageError `invalid-policy`, its text beginning `file:line:column`.
 */
export const readSource = (text: string, fileName: string): Source => {
  const lines = new LineCounter()
  const places = new Map<string, Place>()
  const at = (offset: number, message: string): ActiveStorageError => {
    const { line, col } = lines.linePos(offset)
    // linePos answers 0:0 where the text has no line at all.
    return failure('invalid-policy', `${fileName}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`)
  }
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw at(0, `the file is larger than ${MAX_FILE_BYTES} bytes`)

  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false, version: '1.2', stringKeys: false })
  // The earliest is the cause; those after it are often only its consequences.
  const first = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])[0]
  if (first !== undefined) throw at(first.pos[0], inOwnWords(first.code, first.message))

  const walk = (node: unknown, pointer: string, key: number, depth: number): unknown => {
    const start = rangeOf(node) ?? key
    places.set(pointer, { value: start, key })
    if (depth > MAX_DEPTH) throw at(start, `nested more than ${MAX_DEPTH} levels deep`)
    if (isAlias(node)) throw at(start, 'aliases are not used in a policy; write the value out')
    if (isScalar(node)) return node.value
    if (isSeq(node)) return node.items.map((item, index) => walk(item, `${pointer}/${index}`, rangeOf(item) ?? start, depth + 1))
    if (!isMap(node)) return undefined
    const data: Record<string, unknown> = {}
    for (const { key: keyNode, value } of node.items) {
      const where = rangeOf(keyNode) ?? start
      const name = isScalar(keyNode) ? keyNode.value : undefined
      if (typeof name !== 'string') throw at(where, 'a key must be a plain word')
      if (forbidden.has(name)) throw at(where, `\`${name}\` cannot be a key`)
      data[name] = walk(value, `${pointer}/${pointerPart(name)}`, where, depth + 1)
    }
    return data
  }
  const data = walk(document.contents, '', 0, 0)
  return {
    data,
    problem: (pointer, message, side = 'value') => {
      const place = places.get(pointer)
      return at(place === undefined ? 0 : place[side], message)
    },
  }
}

const rangeOf = (node: unknown): number | undefined => {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined
  return node.range?.[0]
}
