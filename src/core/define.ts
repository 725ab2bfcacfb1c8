import { types } from 'node:util'
import { failure } from './errors.ts'
import { type TypeName, typeName } from './ids.ts'
import type { JsonSchema, Optional, Schema } from './schema.ts'
import type { MovableSelf, ReadonlySelf, Self, SessionSelf } from './self.ts'
import { type Argument, argumentsOf, type ArgumentsOf, type ResultsOf } from './signatures.ts'
import type { Value } from './value.ts'

export type { JsonSchema } from './schema.ts'

// `never[]` rather than `unknown[]`: it lets every parameter list match while each method keeps its own.
export type Methods<Seen> = Record<string, (self: Seen, ...args: never[]) => unknown>
// A section left out infers as its bare constraint, which has every string for a key: it adds nothing.
// (A default type argument would say this too, but would cost `self` its contextual type.)
type Given<M> = string extends keyof M ? unknown : M

/** How a method may run; decided by the section of the definition in which it stands. */
export type MethodKind = 'stateful' | 'readonly' | 'session' | 'movable'
export interface MethodEntry {
  readonly kind: MethodKind
  /** True for an async generator: its result is a stream. */
  readonly stream: boolean
  /** Whether it is for calls made on its own host, and for those who have a session of the object. */
  readonly internal: boolean
  readonly run: (self: never, ...args: never[]) => unknown
  /** What the host checks before the method runs; undefined where the definition says nothing. */
  readonly arguments: readonly Argument[] | undefined
  /** Schema of the result; of each item, where the method gives a stream. */
  readonly result: JsonSchema | undefined
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
  /** What every committed state satisfies; undefined for a type without state. */
  readonly schema: JsonSchema | undefined
  readonly migrate: ((state: Value, from: number) => S) | undefined
  readonly entries: ReadonlyMap<string, MethodEntry>
  /** Never set: carries the methods' types. */
  readonly signatures?: All
}

// The schema's type where it has one, for what else would be committed; otherwise that of the initial state.
type StateOf<S, T> = unknown extends T ? S : T
type Sections<M, R, W, V> = Given<M> & Given<R> & Given<W> & Given<V>

export interface Definition<Name extends string, S, T, M, R, W, V> {
  /** Name of the type on the wire and in the store. */
  readonly name: Name
  /** Version of the declaration (default 1). Raise it with every change of `schema` that old states may not satisfy. */
  readonly version?: number
  /** Makes the state of a new object: plain data that satisfies the schema. Leave it out for a type without state. */
  readonly state?: () => S | NoInfer<StateOf<never, T>>
  /**
   * What every committed state must satisfy. One written with `schema.object(...)` gives `self.state` its type. At the
   * root a field that it does not declare is refused, unless it says `additionalProperties`.
   */
  readonly schema?: Schema<T>
  /**
   * Turns the state of an older version, as the store holds it, into one of this version. Keep it pure and able to
   * start from every version whose objects may be left: an object is migrated when it is next read.
   */
  readonly migrate?: (state: Value, from: number) => NoInfer<StateOf<S, T>>
  /** Methods that may change state: they run at the object's home, one turn at a time. */
  readonly methods?: M
  /** Methods that only read state: at home, side by side, on a snapshot. */
  readonly readonly?: R
  /**
   * Methods that work with what the host holds open for the object (`self.sessions`): at home, side by side, on a snapshot.
   * They change the state by calls of the object's stateful methods alone. Such a call is made again where its answer was
   * lost: give what must happen once a number (`turn` of `Sessions.use`).
   */
  readonly sessions?: W
  /** Methods that depend on their arguments and immutable content alone: they run anywhere, and may be repeated. */
  readonly movable?: V
  /** Schemas of methods' arguments, in their order: the host refuses others before the method runs. */
  readonly arguments?: ArgumentsOf<NoInfer<Sections<M, R, W, V>>>
  /** Schemas of methods' results, or of a stream's items: for callers, and not checked. */
  readonly results?: ResultsOf<NoInfer<Sections<M, R, W, V>>>
  /**
   * Methods that are not for clients: the host takes calls of them from methods that run on it, and from whoever gives, as
   * the first argument, the id of a session that the object has open. Others are refused (`permission-denied`).
   */
  readonly internal?: readonly string[]
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
  S extends StateOf<unknown, T>,
  T,
  M extends Methods<Self<StateOf<S, T>>>,
  R extends Methods<ReadonlySelf<StateOf<S, T>>>,
  W extends Methods<SessionSelf<StateOf<S, T>>>,
  V extends Methods<MovableSelf>,
>(
  definition: Definition<Name, S, T, M, R, W, V>,
): ObjectType<Name, StateOf<S, T>, Sections<M, R, W, V>> => {
  const refuse = (what: string) => failure('invalid-argument', `${definition.name}: ${what}`)
  const entries = new Map<string, MethodEntry>()
  const declared: Readonly<Record<string, readonly (Schema | Optional)[] | undefined>> = definition.arguments ?? {}
  const results: Readonly<Record<string, Schema | undefined>> = definition.results ?? {}
  const internal = new Set<string>(definition.internal)
  const add = (kind: MethodKind, methods: Record<string, (self: never, ...args: never[]) => unknown> | undefined) => {
    for (const [name, run] of Object.entries(methods ?? {})) {
      if (!METHOD.test(name) || FORBIDDEN.has(name)) throw refuse(`"${name}" cannot be a method name`)
      if (entries.has(name)) throw refuse(`method "${name}" stands in two sections`)
      if (typeof run !== 'function') throw refuse(`method "${name}" is not a function`)
      const parts = declared[name]
      entries.set(name, {
        kind,
        run,
        internal: internal.has(name),
        stream: types.isAsyncFunction(run) && types.isGeneratorFunction(run),
        arguments: parts === undefined ? undefined : argumentsOf(parts, (what) => refuse(`${name}: ${what}`)),
        result: results[name],
      })
    }
  }
  add('stateful', definition.methods)
  add('readonly', definition.readonly)
  add('session', definition.sessions)
  add('movable', definition.movable)
  for (const name of [...Object.keys(declared), ...Object.keys(results)])
    if (!entries.has(name)) throw refuse(`arguments or results of "${name}", which is no method of it`)
  for (const name of internal) if (!entries.has(name)) throw refuse(`"${name}" is internal, and no method of it`)
  const { version = 1, state: initial, schema, migrate } = definition
  if (!Number.isSafeInteger(version) || version < 1) throw refuse(`version ${version} must be a whole number from 1`)
  if (initial !== undefined && schema === undefined)
    throw refuse('it has state and no schema: say what every state must satisfy, schema.object({ ... }) for one')
  if (initial === undefined && (schema !== undefined || migrate !== undefined))
    throw refuse('it has a schema or a migration and no state: add state, or leave them out')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked text keeps its literal type beside the brand
  const name = typeName(definition.name) as TypeName & Name
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- StateOf says which of the two the state is, as Definition does
  return Object.freeze({ name, version, initial, schema, migrate, entries }) as ObjectType<Name, StateOf<S, T>, Sections<M, R, W, V>>
}
