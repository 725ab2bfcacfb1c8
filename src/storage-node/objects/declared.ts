import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { ContentRef } from '../../core/content.ts'
import type { MethodKind, ObjectType } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import { ObjectRef } from '../../core/object-ref.ts'
import { type Instance, instances, type JsonSchema } from '../../core/schema.ts'
import { Tensor } from '../../core/tensor.ts'
import type { Value } from '../../core/value.ts'
import { closed, mapSchemas, typesOf } from './schema-walk.ts'
import { explained } from './schema-words.ts'

export interface MethodDescription {
  readonly kind: MethodKind
  readonly stream: boolean
  /** Where the type declares them. */
  readonly arguments?: readonly { readonly schema: JsonSchema; readonly optional: boolean }[]
  /** Of the result; of each item, where the method gives a stream. */
  readonly result?: JsonSchema
}
/** An object type as its callers need to know it: plain data. */
export interface TypeDescription {
  readonly type: string
  readonly version: number
  /** For a type with state: what every committed state satisfies. */
  readonly state?: JsonSchema
  readonly methods: Readonly<Record<string, MethodDescription>>
}

/** An object type whose schemas a host enforces. */
export interface Declared {
  readonly type: ObjectType
  /** The schema of the state as it is enforced: closed at its root. */
  readonly stateSchema: JsonSchema | undefined
  /** @throws `invalid-argument` naming the field */
  checkState(state: unknown): void
  /** Costs nothing for a method without declared arguments. @throws `invalid-argument` naming the argument and what it may be */
  checkArguments(method: string, args: readonly unknown[]): void
  /** For tests and for the wary: a host need not. @throws `method-threw` */
  checkResult(method: string, result: unknown): void
  /** A state that version `from` wrote, as this version has it. @throws `declaration-changed` */
  migrate(state: Value, from: number): unknown
  /** @param options.internal also the methods that are not for clients */
  describe(options?: { readonly internal?: boolean }): TypeDescription
}

const checks: Readonly<Record<Instance, (data: unknown) => boolean>> = {
  Tensor: (data) => data instanceof Tensor,
  Uint8Array: (data) => data instanceof Uint8Array,
  Date: (data) => data instanceof Date,
  ContentRef: (data) => data instanceof ContentRef,
  ObjectRef: (data) => data instanceof ObjectRef,
  bigint: (data) => typeof data === 'bigint',
  number: (data) => typeof data === 'number',
}
const isPlain = (data: unknown): boolean => {
  const prototype: unknown = typeof data === 'object' && data !== null ? Object.getPrototypeOf(data) : undefined
  return prototype === Object.prototype || prototype === null
}

// The first wrong thing ends the check: a caller can send a million of them.
const ajv = new Ajv2020({
  verbose: true,
  // It shortens the code by branches that are never taken, for twice the time of compiling: a node compiles as it starts.
  code: { optimize: false },
  ownProperties: true,
  addUsedSchema: false,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allowMatchingProperties: true,
  logger: false,
})
ajv.addKeyword({ keyword: 'instance', schemaType: 'string', metaSchema: { enum: instances }, compile: (name: Instance) => checks[name] })
// What `type: object` means here. To ajv a tensor is one too, and a long byte string one with a key for each byte.
ajv.addKeyword({
  keyword: 'plain',
  schemaType: 'boolean',
  compile: () => (data: unknown) => typeof data !== 'object' || data === null || Array.isArray(data) || isPlain(data),
})
const plainly = (schema: JsonSchema): JsonSchema =>
  typesOf(schema)?.includes('object') === true && !('instance' in schema) ? { ...schema, plain: true } : schema

const compile = (schema: JsonSchema, what: string): ValidateFunction => {
  try {
    // What JSON cannot say could be neither described nor kept beside the objects.
    JSON.stringify(schema)
    return ajv.compile(mapSchemas(schema, plainly))
  } catch (error) {
    throw failure('invalid-argument', `${what} is not valid: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
/** What is wrong with a value; undefined where nothing is. */
const fault = (fits: ValidateFunction, value: unknown, root: string): string | undefined =>
  fits(value) ? undefined : explained(root, fits.errors ?? [])

const declare = (type: ObjectType): Declared => {
  const { name, version } = type
  const stateSchema = type.schema === undefined ? undefined : closed(type.schema)
  const fitsState = stateSchema === undefined ? undefined : compile(stateSchema, `the schema of object type "${name}"`)
  const stateFault = (state: unknown) => (fitsState === undefined ? undefined : fault(fitsState, state, 'state'))
  // Most methods are never called in most processes.
  const argumentChecks = new Map<string, readonly ValidateFunction[]>()
  const resultChecks = new Map<string, ValidateFunction>()

  const initially = stateFault(type.initial?.())
  if (initially !== undefined)
    throw failure('invalid-argument', `object type "${name}": a new object does not satisfy the type's own schema: ${initially}`)

  const changed = (what: string, cause?: unknown) => failure('declaration-changed', `object type "${name}": ${what}`, cause)

  return {
    type,
    stateSchema,
    checkState(state) {
      const wrong = stateFault(state)
      if (wrong === undefined) return
      throw failure('invalid-argument', `a method of "${name}" left a state that its schema refuses: ${wrong}; nothing was changed`)
    },
    checkArguments(method, args) {
      const declared = type.entries.get(method)?.arguments
      if (declared === undefined) return
      let compiled = argumentChecks.get(method)
      if (compiled === undefined) {
        compiled = declared.map(({ schema }, index) => compile(schema, `the schema of argument ${index} of ${name}.${method}`))
        argumentChecks.set(method, compiled)
      }
      if (args.length > declared.length && args.slice(declared.length).some((arg) => arg !== undefined)) {
        const most = declared.length === 0 ? 'no arguments' : `${declared.length} argument${declared.length === 1 ? '' : 's'} at the most`
        throw failure('invalid-argument', `${name}.${method} takes ${most}, and was given ${args.length}`)
      }
      for (let index = 0; index < declared.length; index++) {
        const arg = args[index]
        const fits = compiled[index]
        if (fits === undefined || (arg === undefined && declared[index]?.optional === true)) continue
        const wrong = fault(fits, arg, `arguments[${index}]`)
        if (wrong !== undefined) throw failure('invalid-argument', `${name}.${method}: ${wrong}`)
      }
    },
    checkResult(method, result) {
      const schema = type.entries.get(method)?.result
      if (schema === undefined) return
      const fits = resultChecks.get(method) ?? compile(schema, `the schema of the result of ${name}.${method}`)
      resultChecks.set(method, fits)
      const wrong = fault(fits, result, 'result')
      if (wrong !== undefined) throw failure('method-threw', `${name}.${method} gave what its declaration refuses: ${wrong}`)
    },
    migrate(state, from) {
      if (from === version) return state
      if (from > version)
        throw changed(
          `version ${from} wrote this object, and this host has version ${version}: run a build that has version ${from} or a later one`,
        )
      const migrated = (): unknown => {
        try {
          return type.migrate === undefined ? state : type.migrate(state, from)
        } catch (error) {
          throw changed(`its migrate threw on a state of version ${from}: ${error instanceof Error ? error.message : String(error)}`, error)
        }
      }
      const present = migrated()
      const wrong = stateFault(present)
      if (wrong === undefined) return present
      throw type.migrate === undefined
        ? changed(`version ${version} cannot read a state of version ${from}: ${wrong}; add a migrate that makes one of the other`)
        : changed(`its migrate made of a state of version ${from} what the schema of version ${version} refuses: ${wrong}`)
    },
    describe: ({ internal = false } = {}) => ({
      type: name,
      version,
      ...(stateSchema !== undefined && { state: stateSchema }),
      methods: Object.fromEntries(
        [...type.entries].flatMap(([method, { kind, stream, internal: hidden, arguments: declared, result }]) => {
          if (hidden && !internal) return []
          const more = {
            ...(hidden && { internal: true }),
            ...(declared !== undefined && { arguments: declared }),
            ...(result !== undefined && { result }),
          }
          return [[method, { kind, stream, ...more }]]
        }),
      ),
    }),
  }
}

const known = new WeakMap<ObjectType, Declared>()

/**
 * Takes a type on: compiles its schema and holds a new object's state against it.
 * @throws `invalid-argument` for a schema that is none, or a new object that does not satisfy it
 */
export const registerType = (type: ObjectType): Declared => {
  const found = known.get(type) ?? declare(type)
  known.set(type, found)
  return found
}
