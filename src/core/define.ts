import { types } from 'node:util'
import { failure } from './errors.ts'
import { type TypeName, typeName } from './ids.ts'
import type { MovableSelf, ReadonlySelf, Self } from './self.ts'

/** A JSON Schema (draft 2020-12 subset that ajv knows) for an object's state. */
export type JsonSchema = { readonly [keyword: string]: unknown }

// `never[]` rather than `unknown[]`: it lets every parameter list match while each method keeps its own.
export type Methods<Seen> = Record<string, (self: Seen, ...args: never[]) => unknown>
// A section left out infers as its bare constraint, which has every string for a key: it adds nothing.
// (A default type argument would say this too, but would cost `self` its contextual type.)
type Given<M> = string extends keyof M ? unknown : M

/** How a method may run; decided by the section of the definition in which it stands. */
export type MethodKind = 'stateful' | 'readonly' | 'movable'
export interface MethodEntry {
  readonly kind: MethodKind
  /** True for an async generator: its result is a stream. */
  readonly stream: boolean
  readonly run: (self: never, ...args: never[]) => unknown
}

/**
 * An object type: a value shared by node, client and tests. Its TypeScript type is the contract.
 * The last parameter holds the methods of all sections together.
 */
export interface ObjectType<Name extends string = string, S = unknown, All = unknown> {
  readonly name: TypeName & Name
  /** Version of the declaration, from 1: raised when the state's shape changes. */
  readonly version: number
  /** A new object's state; undefined for a type without state. */
  readonly initial: (() => S) | undefined
  readonly schema: JsonSchema | undefined
  readonly entries: ReadonlyMap<string, MethodEntry>
  /** Never set: carries the methods' types. */
  readonly signatures?: All
}

export interface Definition<Name extends string, S, M, R, V> {
  /** Name of the type on the wire and in the store. */
  readonly name: Name
  /** Version of the declaration (default 1). */
  readonly version?: number
  /** Makes the state of a new object: plain data. Leave it out for a type without state. */
  readonly state?: () => S
  /** JSON Schema that every committed state must satisfy. */
  readonly schema?: JsonSchema
  /** Methods that may change state: they run at the object's home, one turn at a time. */
  readonly methods?: M
  /** Methods that only read state: at home, side by side, on a snapshot. */
  readonly readonly?: R
  /** Methods that depend on their arguments and immutable content alone: they run anywhere, and may be repeated. */
  readonly movable?: V
}

// `await` takes an object with a `then` for a promise, JSON.stringify calls `toJSON`; the others are inherited names.
const FORBIDDEN = new Set(['then', 'toJSON', 'prototype', ...Object.getOwnPropertyNames(Object.prototype)])
const METHOD = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/**
 * Declares an object type. The section a method stands in is its contract, and decides what `self` gives it.
 * @throws ActiveStorageError `invalid-argument` for a bad or doubled name.
 */
export const defineObject = <
  const Name extends string,
  S,
  M extends Methods<Self<S>>,
  R extends Methods<ReadonlySelf<S>>,
  V extends Methods<MovableSelf>,
>(
  definition: Definition<Name, S, M, R, V>,
): ObjectType<Name, S, Given<M> & Given<R> & Given<V>> => {
  const entries = new Map<string, MethodEntry>()
  const add = (kind: MethodKind, methods: Record<string, (self: never, ...args: never[]) => unknown> | undefined) => {
    for (const [name, run] of Object.entries(methods ?? {})) {
      if (!METHOD.test(name) || FORBIDDEN.has(name))
        throw failure('invalid-argument', `${definition.name}: "${name}" cannot be a method name`)
      if (entries.has(name)) throw failure('invalid-argument', `${definition.name}: method "${name}" stands in two sections`)
      if (typeof run !== 'function') throw failure('invalid-argument', `${definition.name}: method "${name}" is not a function`)
      entries.set(name, { kind, run, stream: types.isAsyncFunction(run) && types.isGeneratorFunction(run) })
    }
  }
  add('stateful', definition.methods)
  add('readonly', definition.readonly)
  add('movable', definition.movable)
  const version = definition.version ?? 1
  if (!Number.isSafeInteger(version) || version < 1)
    throw failure('invalid-argument', `${definition.name}: version ${version} must be a whole number from 1`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked text keeps its literal type beside the brand
  const name = typeName(definition.name) as TypeName & Name
  return Object.freeze({ name, version, initial: definition.state, schema: definition.schema, entries })
}
