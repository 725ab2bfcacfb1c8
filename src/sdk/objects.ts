import { randomUUID } from 'node:crypto'
import type { MethodKind, ObjectType } from '../core/define.ts'
import { failure } from '../core/errors.ts'
import { newCallId, objectId, typeName } from '../core/ids.ts'
import { ObjectRef } from '../core/object-ref.ts'
import { type Remote, remoteOf } from '../core/remote.ts'
import type { Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { directory, type NamedAlias } from '../objects/directory.ts'
import { site } from '../objects/site.ts'
import type { Site } from './site.ts'

/** Where an object lives: by default the home of the client's objects. */
export interface At {
  readonly at?: string
}
type TypeOrName = ObjectType | string

/** What `describe` tells of an object: itself, and what its type declares. */
export interface ObjectDescription {
  readonly type: string
  readonly id: string
  /** Commits so far. */
  readonly version: number
  /** States and table entries on its site that refer to it, aliases among them; counted up to 10,000. */
  readonly references: number
  /** JSON Schema of the state. */
  readonly state?: Value
  /** By name: `kind`, `stream`, and the schemas of `arguments` and `result` where the type declares them. */
  readonly methods: Readonly<Record<string, { readonly kind: MethodKind; readonly stream: boolean; readonly [more: string]: Value }>>
}
/** One consolidation of an object. */
export interface Consolidation {
  readonly version: number
  readonly from: string
  readonly base: number
  readonly at: string
  readonly callId: string
}
export interface ListRange extends At {
  readonly type?: TypeOrName
  /** Names that begin so; needs `type`. */
  readonly prefix?: string
  /** `type/id` after which the page begins. */
  readonly after?: string
  /** Default and most: 1,000. */
  readonly limit?: number
}

/** What can be done with every object, whatever its type. */
export interface Objects {
  /** Makes an object, with a name of its own where none is given. @throws `already-exists` */
  create(type: TypeOrName, id?: string, options?: At): Promise<{ readonly id: string; readonly version: number }>
  /** Makes it where it is not there. */
  ensure(type: TypeOrName, id: string, options?: At): Promise<{ readonly created: boolean; readonly version: number }>
  /** Deletes it with all that belongs to it. @returns whether it was there */
  delete(type: TypeOrName, id: string, options?: At): Promise<boolean>
  describe(type: TypeOrName, id: string, options?: At): Promise<ObjectDescription>
  /** Takes a version to work on apart: an object of its own. @returns its name */
  newVersion(type: TypeOrName, id: string, options?: At): Promise<string>
  /**
   * Puts a version in the place of the object.
   * @throws `version-mismatch` where the object has changed since, unless `force` is given
   */
  consolidate(
    type: TypeOrName,
    id: string,
    versionId: string,
    options?: At & { readonly force?: boolean },
  ): Promise<{ readonly version: number }>
  /** The last 100 consolidations, oldest first. */
  history(type: TypeOrName, id: string, options?: At): Promise<readonly Consolidation[]>
  /** Moves it to another site that its own knows as a peer. Callers are sent after it. */
  move(type: TypeOrName, id: string, to: string, options?: At): Promise<{ readonly site: string }>
  /** One page of the objects of a site, in order of type and name. */
  list(range?: ListRange): Promise<readonly { readonly type: string; readonly id: string; readonly version: number }[]>
  /** A reference, to be kept in the state of another object. */
  ref(type: TypeOrName, id: string, options?: At): ObjectRef
}

/** Names for objects, on the site where they are kept. */
export interface Aliases {
  get(name: string, options?: At): Promise<NamedAlias | null>
  /** @throws `version-mismatch` where `expected` is not the alias's revision (0: there is none) */
  set(name: string, target: ObjectRef, options?: At & { readonly expected?: number; readonly ttlMs?: number }): Promise<NamedAlias>
  /** @throws `not-found`, `already-exists` */
  rename(from: string, to: string, options?: At): Promise<NamedAlias>
  remove(name: string, options?: At & { readonly expected?: number }): Promise<boolean>
  list(range?: At & { readonly after?: string; readonly limit?: number }): Promise<readonly NamedAlias[]>
}

export interface ObjectsParts {
  /** The site that `at` names, or the home of objects. */
  readonly home: (at: string | undefined) => Site
  readonly transport: (site: Site) => Transport
}

const nameOf = (type: TypeOrName) => typeName(typeof type === 'string' ? type : type.name)

/** Lifecycle calls have a key of their own, so that one that was lost on the way is made again and happens once. */
export const createObjectsView = ({ home, transport }: ObjectsParts): Objects => {
  const ask = async <T>(type: TypeOrName, id: string, method: string, at: string | undefined, args: readonly Value[] = []): Promise<T> => {
    const callId = newCallId()
    const kind: MethodKind = method === '$describe' || method === '$history' ? 'readonly' : 'stateful'
    const context = { callId, chain: [], ...(kind === 'stateful' && { idempotencyKey: `$${callId}` }) }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what each lifecycle method gives is said in its own place below
    return (await transport(home(at)).call({ type: nameOf(type), object: objectId(id), method, kind, args, context })) as T
  }
  return {
    async create(type, id = randomUUID(), { at } = {}) {
      return { id, ...(await ask<{ version: number }>(type, id, '$create', at)) }
    },
    ensure: (type, id, { at } = {}) => ask(type, id, '$ensure', at),
    delete: (type, id, { at } = {}) => ask(type, id, '$delete', at),
    describe: (type, id, { at } = {}) => ask(type, id, '$describe', at),
    newVersion: (type, id, { at } = {}) => ask(type, id, '$newVersion', at),
    consolidate: (type, id, versionId, { at, force = false } = {}) => ask(type, id, '$consolidate', at, [versionId, { force }]),
    history: (type, id, { at } = {}) => ask(type, id, '$history', at),
    move: (type, id, to, { at } = {}) => ask(type, id, '$move', at, [to]),
    list({ at, type, prefix, after, limit } = {}) {
      const there = home(at)
      return remoteOf(site, 'main', () => transport(there)).list({
        ...(type !== undefined && { type: nameOf(type) }),
        ...(prefix !== undefined && { prefix }),
        ...(after !== undefined && { after }),
        ...(limit !== undefined && { limit }),
      })
    },
    ref: (type, id, { at } = {}) => new ObjectRef(nameOf(type), id, home(at).name),
  }
}

export const createAliases = ({ home, transport }: ObjectsParts): Aliases => {
  const at = (name: string | undefined): Remote<typeof directory> => {
    const there = home(name)
    if (there.role === 'local') throw failure('invalid-argument', 'aliases are kept on a storage node: connect to one, or name it with at')
    return remoteOf(directory, 'main', () => transport(there), { idempotencyKey: newCallId() })
  }
  return {
    get: (name, options = {}) => at(options.at).get(name),
    set: (name, target, { at: place, ...options } = {}) => at(place).set(name, target, options),
    rename: (from, to, options = {}) => at(options.at).rename(from, to),
    remove: (name, { at: place, ...options } = {}) => at(place).remove(name, options),
    list: ({ at: place, ...range } = {}) => at(place).list(range),
  }
}
