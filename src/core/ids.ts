import { failure } from './errors.ts'

declare const brand: unique symbol
type Brand<Name extends string> = string & { readonly [brand]: Name }

/** Name of an object type, e.g. `dataset`. */
export type TypeName = Brand<'TypeName'>
/** Name of one object of a type, chosen by the user: its alias on its home node. */
export type ObjectId = Brand<'ObjectId'>
/** Name of a place that can run calls: `local`, or the name a storage node was started with. */
export type SiteName = Brand<'SiteName'>
/** Lower-case hexadecimal SHA-256 of some bytes: 64 characters. */
export type ContentHash = Brand<'ContentHash'>
/** Identifies one call attempt end to end, through every nested call. */
export type CallId = Brand<'CallId'>

/** The name of the site that is this process. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a constant that satisfies the rule for names below
export const LOCAL = 'local' as SiteName

// One alphabet for every name that reaches a key, a path or a metric: no separators that a store or a shell would read.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const HASH = /^[0-9a-f]{64}$/
const CALL = /^[A-Za-z0-9-]{8,64}$/

const checked =
  <Id>(kind: string, pattern: RegExp, rule: string) =>
  (text: unknown): Id => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where checked text gets its brand
    if (typeof text === 'string' && pattern.test(text)) return text as Id
    const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : typeof text
    throw failure('invalid-argument', `${shown} is not a valid ${kind}: use ${rule}`)
  }

const nameRule = '1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit'
export const typeName = checked<TypeName>('object type name', NAME, nameRule)
export const objectId = checked<ObjectId>('object name', NAME, nameRule)
export const siteName = checked<SiteName>('site name', NAME, nameRule)
export const contentHash = checked<ContentHash>('content hash', HASH, '64 lower-case hexadecimal digits')
export const callId = checked<CallId>('call id', CALL, '8 to 64 letters, digits or "-"')

// A counter behind a random prefix: unique across processes, and a tenth of a UUID's cost per call.
const prefix = Math.trunc(Math.random() * 2 ** 48)
  .toString(36)
  .padStart(10, '0')
let calls = 0
/** A new id for a call that begins here. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made of the very letters that `callId` accepts
export const newCallId = (): CallId => `${prefix}-${(calls++).toString(36)}` as CallId
