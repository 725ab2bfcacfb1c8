import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { type ActiveStorageError, failure } from '../core/errors.ts'

/** A policy or plan of this size is none; the bound keeps a hostile file from costing more than a message. */
export const MAX_FILE_BYTES = 2 ** 20
const MAX_DEPTH = 16
/** Values that a file may have once its aliases are written out. */
const MAX_VALUES = 100_000
/** Mistakes that one error tells. */
const MOST_TOLD = 20

/** Where a value and its key begin, as offsets into the text. */
interface Place {
  readonly value: number
  readonly key: number
}

export interface SourceOptions {
  /** Of the error. Default `invalid-policy`. */
  readonly code?: 'invalid-policy' | 'invalid-argument'
  /** What the file is, in words. Default `policy`. */
  readonly what?: string
  /** Whether an alias stands for what its anchor names. Default false: it is a mistake. */
  readonly aliases?: boolean
}

/** A YAML text as plain data that remembers where each part stood, and gathers what is wrong with it. */
export interface Source {
  readonly data: unknown
  /** Notes a mistake at a JSON pointer: at its value, or at its key where the key itself is wrong. */
  mistake(pointer: string, text: string, at?: 'value' | 'key'): undefined
  /** @throws ActiveStorageError with all mistakes so far, in the order of the file, a line each, where there are any */
  check(): void
}

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

const inOwnWords = (code: string, message: string, what: string): string => {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab in the indentation; YAML is indented with spaces'
    case 'DUPLICATE_KEY':
      return 'this key stands twice in the same mapping'
    case 'MULTIPLE_DOCS':
      return `a second document begins here; a ${what} is one document`
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
      return `this is not valid YAML: ${message}; is there a space after each colon, and is the indentation the same for all keys of a mapping?`
    default:
      return `this is not valid YAML: ${message}`
  }
}

/** A key or index as a part of a JSON pointer (RFC 6901). */
export const pointerPart = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')

/**
 * Reads one YAML document. The tree is walked here rather than by the library's `toJS`: tags and keys that are no plain words
 * are mistakes, aliases too or counted, and every part keeps its position.
 * @throws ActiveStorageError where no data can be had from the text; its text begins `file:line:column`
 */
export const readSource = (text: string, fileName: string, options: SourceOptions = {}): Source => {
  const { code = 'invalid-policy', what = 'policy', aliases = false } = options
  const lines = new LineCounter()
  const places = new Map<string, Place>()
  const mistakes: { readonly offset: number; readonly text: string }[] = []
  const note = (offset: number, message: string): undefined => {
    mistakes.push({ offset, text: message })
  }
  const line = (offset: number, message: string): string => {
    const { line: row, col } = lines.linePos(offset)
    // linePos answers 0:0 where the text has no line at all.
    return `${fileName}:${Math.max(1, row)}:${Math.max(1, col)}: ${message}`
  }
  const failed = (): ActiveStorageError => {
    const all = [...new Set(mistakes.toSorted((a, b) => a.offset - b.offset).map((one) => line(one.offset, one.text)))]
    const more = all.length > MOST_TOLD ? [`and ${all.length - MOST_TOLD} more`] : []
    return failure(code, [...all.slice(0, MOST_TOLD), ...more].join('\n'))
  }
  const check = () => {
    if (mistakes.length > 0) throw failed()
  }
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) note(0, `the file is larger than ${MAX_FILE_BYTES} bytes`)
  check()

  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: false,
    version: '1.2',
    stringKeys: false,
    uniqueKeys: true,
  })
  // What a reader puts in the place of bytes that are no UTF-8.
  const odd = /[\uFFFD\0]/.exec(text)
  if (odd !== null) note(odd.index, 'the file is not UTF-8 here: save it as UTF-8')
  const problems = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])
  const doubled = problems.filter((problem) => problem.code === 'DUPLICATE_KEY')
  // The earliest is the cause; those after it are often only its consequences.
  const broken = problems.find((problem) => problem.code !== 'DUPLICATE_KEY')
  for (const { pos, code: kind, message } of broken === undefined ? doubled : [...doubled, broken])
    note(pos[0], inOwnWords(kind, message, what))
  if (broken !== undefined || odd !== null) check()

  const data = walked(document, { note, places, aliases, what })
  return {
    data,
    mistake: (pointer, message, side = 'value') => note(places.get(pointer)?.[side] ?? 0, message),
    check,
  }
}

interface Walk {
  readonly note: (offset: number, message: string) => undefined
  readonly places: Map<string, Place>
  readonly aliases: boolean
  readonly what: string
}

/** The document as plain data. What cannot be taken is noted, and left out. */
const walked = (document: Document.Parsed, { note, places, aliases, what }: Walk): unknown => {
  let values = 0
  const walk = (node: unknown, pointer: string, key: number, depth: number): unknown => {
    const start = rangeOf(node) ?? key
    places.set(pointer, { value: start, key })
    values++
    if (depth > MAX_DEPTH) return note(start, `nested more than ${MAX_DEPTH} levels deep`)
    if (isAlias(node)) {
      if (!aliases) return note(start, `aliases are not used in a ${what}; write the value out`)
      const meant = node.resolve(document)
      if (meant === undefined || values > MAX_VALUES) return note(start, 'this alias names nothing, or too much')
      return walk(meant, pointer, key, depth + 1)
    }
    if (isScalar(node)) return node.value
    if (values > MAX_VALUES) return note(start, `the ${what} has more than ${MAX_VALUES} values`)
    if (isSeq(node)) return node.items.map((item, index) => walk(item, `${pointer}/${index}`, rangeOf(item) ?? start, depth + 1))
    if (!isMap(node)) return undefined
    const data: Record<string, unknown> = {}
    for (const { key: keyNode, value } of node.items) {
      const where = rangeOf(keyNode) ?? start
      const name = isScalar(keyNode) ? keyNode.value : undefined
      if (typeof name !== 'string') note(where, 'a key must be a plain word')
      else if (forbidden.has(name)) note(where, `\`${name}\` cannot be a key`)
      else data[name] = walk(value, `${pointer}/${pointerPart(name)}`, where, depth + 1)
    }
    return data
  }
  return walk(document.contents, '', 0, 0)
}

const rangeOf = (node: unknown): number | undefined => {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined
  return node.range?.[0]
}
