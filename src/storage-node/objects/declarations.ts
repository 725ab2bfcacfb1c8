import { failure } from '../../core/errors.ts'
import type { JsonSchema } from '../../core/schema.ts'
import { keyOf, type Store, type Write } from '../store/store.ts'
import type { Declared } from './declared.ts'
import { canonical, differences, relaxes } from './relaxation.ts'
import { isSchema } from './schema-walk.ts'

/** A version of a type under which objects in the store were written, with the schema of its state; null for none. */
interface Written {
  readonly version: number
  readonly schema: JsonSchema | null
}

/**
 * The declarations that the store holds beside its objects. One is recorded in the same commit as the first object that
 * is written under it: so a crash leaves both or neither, and a build that has written nothing can be taken back.
 */
export interface Declarations {
  /** What goes with the next commit of an object of this type: nothing, once its declaration is on disk. */
  pending(type: string): readonly Write[]
  /** Told when a commit that had those writes is on disk. */
  recorded(type: string): void
}

export const declarationKey = (type: string): string => keyOf('declaration', type)

const isWritten = (thing: unknown): thing is Written =>
  isSchema(thing) && Number.isSafeInteger(thing['version']) && (thing['schema'] === null || isSchema(thing['schema']))

const encode = (versions: readonly Written[]): Buffer => Buffer.from(JSON.stringify({ versions }))
const decode = (bytes: Buffer, type: string): readonly Written[] => {
  const parsed = (): unknown => {
    try {
      return JSON.parse(bytes.toString('utf8'))
    } catch {
      return undefined
    }
  }
  const held = parsed()
  const versions: unknown = isSchema(held) ? held['versions'] : undefined
  if (Array.isArray(versions) && versions.length > 0 && versions.every(isWritten)) return versions
  throw failure('storage-failed', `the stored declaration of object type "${type}" is not one: run "active-storage verify" on the folder`)
}

const fits = (before: JsonSchema | null, after: JsonSchema | null): boolean =>
  before === null || after === null ? before === after : relaxes(before, after)
const changes = (before: JsonSchema | null, after: JsonSchema | null): string => {
  if (before === null) return 'its objects had no state'
  return after === null ? 'its objects had state' : differences(before, after)
}

/** Holds a type against the versions of it under which objects were written. @throws `declaration-changed` */
const check = ({ type: { name, version, migrate } }: Declared, present: JsonSchema | null, written: readonly Written[]): void => {
  const changed = (text: string) => failure('declaration-changed', `object type "${name}": ${text}`)
  for (const { version: from, schema } of written) {
    if (from > version)
      throw changed(
        `the store holds objects of version ${from}, and this host has version ${version}: run a build that has version ${from} or a later one`,
      )
    if (fits(schema, present)) continue
    const what = changes(schema, present)
    const remedy = present === null ? 'give the type another name' : 'add a migrate that makes the new state of the old'
    if (from === version)
      throw changed(
        `the store holds objects of version ${version}, which had another schema (${what}): raise the version to ${version + 1} and ${remedy}`,
      )
    if (migrate === undefined)
      throw changed(`the store holds objects of version ${from}, whose state version ${version} cannot read (${what}): ${remedy}`)
  }
}

/**
 * Holds the types of a host against those under which the objects in its store were written. A change that lets through
 * every state that was let through before needs nothing; any other a higher version and a `migrate`. Types of the store
 * that the host does not have are left alone.
 * @throws `declaration-changed` naming the type and its fields; `storage-failed`
 */
export const checkDeclarations = (store: Pick<Store, 'get' | 'range'>, types: readonly Declared[]): Declarations => {
  const waiting = new Map<string, readonly Write[]>()
  for (const declared of types) {
    const { name, version } = declared.type
    const key = declarationKey(name)
    const present = declared.stateSchema === undefined ? null : canonical(declared.stateSchema)
    const bytes = store.range(keyOf('object', name), { limit: 1 }).length === 0 ? undefined : store.get(key)
    // Without objects there is nothing that a change could make unreadable: a declaration is then a thing of the past.
    const written = bytes === undefined ? [] : decode(bytes, name)
    check(declared, present, written)
    const value = encode([...written.filter(({ version: from }) => from !== version), { version, schema: present }])
    if (bytes?.equals(value) !== true) waiting.set(name, [{ key, value }])
  }
  return {
    pending: (type) => waiting.get(type) ?? [],
    recorded: (type) => void waiting.delete(type),
  }
}
