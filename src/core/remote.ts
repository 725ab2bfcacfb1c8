import { monotonicNow } from './clock.ts'
import type { ObjectType } from './define.ts'
import { failure } from './errors.ts'
import { type CallId, newCallId, objectId } from './ids.ts'
import type { Call, CallContext, Transport } from './transport.ts'
import type { IsValue, Value } from './value.ts'

/** Shown in place of a method whose arguments or result cannot cross a process boundary. */
export interface NotSendable<Why extends string> {
  readonly notSendable: Why
}

// In brackets, so that a union is one result and not a union of promises.
type Result<R> = [R] extends [AsyncIterable<infer Item>] ? AsyncIterable<Item> : Promise<Awaited<R>>
type Payload<R> = [R] extends [AsyncIterable<infer Item>] ? Item : Awaited<R>

type RemoteMethod<F> = F extends (self: never, ...args: infer Args) => infer R
  ? false extends IsValue<Args>
    ? NotSendable<'this method takes a value that cannot be sent'>
    : [Payload<R>] extends [void]
      ? (...args: Args) => Result<R>
      : false extends IsValue<Payload<R>>
        ? NotSendable<'this method returns a value that cannot be sent'>
        : (...args: Args) => Result<R>
  : never

/** An object as its callers hold it, wherever it lives: each method without `self`, returning a promise or a stream. */
export type Remote<T extends ObjectType> =
  T extends ObjectType<string, infer _S, infer All> ? { readonly [K in keyof All]: RemoteMethod<All[K]> } : never

/** Where a call should run: a role, or a site's name. */
export type Place = 'local' | 'node' | 'cloud' | (string & {})

/** Options of the calls made through one `Remote`. */
export interface CallOptions {
  /** Overrides the policy for movable methods. */
  readonly place?: Place
  /** The most time a call may take, in ms, with all its retries and fall-backs. Each call has as much. */
  readonly timeoutMs?: number
  /**
   * The moment by which calls end, in ms of `performance.now()`: for several calls that share one limit. Where `timeoutMs`
   * is given as well, the earlier of the two counts.
   */
  readonly deadline?: number
  readonly signal?: AbortSignal
  readonly idempotencyKey?: string
  readonly expectedVersion?: number
  readonly fencingToken?: number
  /** `async`: answers before the change is on disk; `client.flush()` waits for that. Without it the type decides. */
  readonly durability?: 'async'
  /** W3C trace context, as the header `traceparent` has it; nested calls carry it on. */
  readonly traceParent?: string
  readonly onReport?: NonNullable<CallContext['onReport']>
}

/** The call that a nested call is made in: what it hands down. */
export interface Parent {
  /** Of this call, and of all that are made in it. */
  readonly callId: CallId
  /** The calls so far, outermost first. */
  readonly chain: readonly string[]
  /** The moment at which its time is over, as `CallContext` has it; undefined where no deadline was set. */
  readonly deadline: number | undefined
  readonly traceParent?: string
}

/** A transport for each set of options: how a stub is made again with others. */
export type Route = (options: CallOptions) => Transport

interface Recipe {
  readonly type: ObjectType
  readonly id: string
  readonly route: Route
  readonly options: CallOptions
  readonly parent: Parent | undefined
}
const recipes = new WeakMap<object, Recipe>()

/** What a stub was made from. @throws `invalid-argument` for anything that is no stub. */
export const recipeOf = (remote: object): Recipe => {
  const recipe = recipes.get(remote)
  if (recipe === undefined) throw failure('invalid-argument', 'this is no remote object: make one with client.object(type, id)')
  return recipe
}

/** Made for every call, so without the spreads that would be shorter to write and cost more than the rest of the stub. */
const contextOf = ({ options, parent }: Recipe): CallContext => {
  const context: Writable<CallContext> = { callId: parent?.callId ?? newCallId(), chain: parent?.chain ?? NO_CHAIN }
  const { idempotencyKey, timeoutMs, expectedVersion, fencingToken, durability, signal, onReport } = options
  const deadline = earliest(timeoutMs === undefined ? undefined : monotonicNow() + timeoutMs, earliest(options.deadline, parent?.deadline))
  const traceParent = options.traceParent ?? parent?.traceParent
  if (idempotencyKey !== undefined) context.idempotencyKey = idempotencyKey
  if (deadline !== undefined) context.deadline = deadline
  if (durability !== undefined) context.durability = durability
  if (traceParent !== undefined) context.traceParent = traceParent
  if (expectedVersion !== undefined) context.expectedVersion = expectedVersion
  if (fencingToken !== undefined) context.fencingToken = fencingToken
  if (signal !== undefined) context.signal = signal
  if (onReport !== undefined) context.onReport = onReport
  return context
}
// Not Math.min, so that a limit that is no number is refused where it is used rather than lost here.
const earliest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a
const NO_CHAIN: readonly string[] = []
type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Makes the stub of an object: a plain frozen object, so that an unknown method is `undefined`. */
export const remoteOf = <T extends ObjectType>(
  type: T,
  id: string,
  route: Route,
  options: CallOptions = {},
  parent?: Parent,
): Remote<T> => {
  const recipe: Recipe = { type, id: objectId(id), route, options, parent }
  const transport = route(options)
  const stub: Record<string, (...args: Value[]) => unknown> = {}
  for (const [method, entry] of type.entries) {
    const callOf = (args: Value[]): Call => ({
      type: type.name,
      object: objectId(id),
      method,
      kind: entry.kind,
      args,
      context: contextOf(recipe),
    })
    stub[method] = entry.stream ? (...args) => transport.stream(callOf(args)) : (...args) => transport.call(callOf(args))
  }
  recipes.set(stub, recipe)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop above builds exactly Remote<T>'s members
  return Object.freeze(stub) as Remote<T>
}

/** The same object with other call options: `withCall(set, { place: 'local', timeoutMs: 50 }).embed(key)`. */
export const withCall = <R extends object>(remote: R, options: CallOptions): R => {
  const recipe = recipeOf(remote)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made from the same type, so it is the same Remote
  return remoteOf(recipe.type, recipe.id, recipe.route, { ...recipe.options, ...options }, recipe.parent) as unknown as R
}
