import type { ContentRef } from './content.ts'
import type { ObjectRef } from './object-ref.ts'
import type { Tensor } from './tensor.ts'
import type { Value } from './value.ts'

/**
 * A JSON Schema (draft 2020-12), and one keyword of ours: `instance` names what JSON has no word for, see `instances`.
 * The functions below write schemas that TypeScript can read as well.
 */
export type JsonSchema = { readonly [keyword: string]: unknown }

declare const holds: unique symbol
/** A schema with the TypeScript type of what it lets through. */
export interface Schema<out T = unknown> extends JsonSchema {
  /** Never set: carries the type. */
  readonly [holds]?: T
}
/** A field that an object may lack, or an argument that a caller may leave out. */
export interface Optional<out T = unknown> {
  readonly optional: Schema<T>
}
/** The type that a schema lets through: `type State = TypeOf<typeof schema>`. */
export type TypeOf<X> = X extends Optional<infer T> ? T : X extends Schema<infer T> ? T : never

/** What `instance` may name. `number` is any number, where JSON Schema's own has neither NaN nor the infinities. */
export const instances = ['Tensor', 'Uint8Array', 'Date', 'ContentRef', 'ObjectRef', 'bigint', 'number'] as const
export type Instance = (typeof instances)[number]

/** For people and tools; changes nothing of what is let through. */
export interface Annotations {
  readonly title?: string
  readonly description?: string
}
export interface StringRules extends Annotations {
  readonly minLength?: number
  readonly maxLength?: number
  /** A regular expression; begin it with `^` and end it with `$` where the whole text is meant. */
  readonly pattern?: string
}
export interface NumberRules extends Annotations {
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly multipleOf?: number
}
export interface ListRules extends Annotations {
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
}

/** A schema written by hand, with the type that its author vouches for. */
export const typed = <T>(schema: JsonSchema): Schema<T> => schema

export const string = (rules: StringRules = {}): Schema<string> => typed({ type: 'string', ...rules })
export const number = (rules: NumberRules = {}): Schema<number> => typed({ type: 'number', ...rules })
/** A whole number. */
export const integer = (rules: NumberRules = {}): Schema<number> => typed({ type: 'integer', ...rules })
export const boolean = (notes: Annotations = {}): Schema<boolean> => typed({ type: 'boolean', ...notes })
export const nothing = (notes: Annotations = {}): Schema<null> => typed({ type: 'null', ...notes })
/** Any value at all. */
export const value = (notes: Annotations = {}): Schema<Value> => typed({ ...notes })

const instance = <T>(name: Instance, notes: Annotations): Schema<T> => typed({ instance: name, ...notes })
export const tensor = (notes: Annotations = {}): Schema<Tensor> => instance('Tensor', notes)
export const bytes = (notes: Annotations = {}): Schema<Uint8Array> => instance('Uint8Array', notes)
export const date = (notes: Annotations = {}): Schema<Date> => instance('Date', notes)
export const contentRef = (notes: Annotations = {}): Schema<ContentRef> => instance('ContentRef', notes)
export const objectRef = (notes: Annotations = {}): Schema<ObjectRef> => instance('ObjectRef', notes)
export const bigint = (notes: Annotations = {}): Schema<bigint> => instance('bigint', notes)
/** A number, NaN and the infinities among them. */
export const anyNumber = (notes: Annotations = {}): Schema<number> => instance('number', notes)

/** One of these very texts, numbers or truth values. */
export const oneOf = <const T extends readonly (string | number | boolean | null)[]>(
  values: T,
  notes: Annotations = {},
): Schema<T[number]> => typed({ enum: values, ...notes })
/** A value that fits at least one of these schemas. */
export const union = <const U extends readonly Schema[]>(schemas: U, notes: Annotations = {}): Schema<TypeOf<U[number]>> =>
  typed({ anyOf: schemas, ...notes })
export const nullable = <T>(schema: Schema<T>, notes: Annotations = {}): Schema<T | null> => typed({ anyOf: [schema, nothing()], ...notes })

export const list = <T>(items: Schema<T>, rules: ListRules = {}): Schema<T[]> => typed({ type: 'array', items, ...rules })
/** A list of so many items, each with a schema of its own. */
export const tuple = <const U extends readonly Schema[]>(
  items: U,
  notes: Annotations = {},
): Schema<{ -readonly [I in keyof U]: TypeOf<U[I]> }> =>
  typed({ type: 'array', prefixItems: items, minItems: items.length, maxItems: items.length, ...notes })
/** An object used as a dictionary: any keys, one schema for what they lead to. */
export const record = <T>(values: Schema<T>, notes: Annotations = {}): Schema<Record<string, T>> =>
  typed({ type: 'object', additionalProperties: values, ...notes })

export interface ObjectRules extends Annotations {
  /** Default false: a field that is not named is refused. */
  readonly additionalProperties?: boolean
}
type Fields = Readonly<Record<string, Schema | Optional>>
type Flat<T> = { [K in keyof T]: T[K] }
type ObjectOf<F> = Flat<
  { -readonly [K in keyof F as F[K] extends Optional ? never : K]: TypeOf<F[K]> } & {
    -readonly [K in keyof F as F[K] extends Optional ? K : never]?: TypeOf<F[K]>
  }
>

export const optional = <T>(schema: Schema<T>): Optional<T> => ({ optional: schema })
export const isOptional = (part: Schema | Optional): part is Optional => 'optional' in part
/** An object with these fields and, unless said otherwise, no others. */
export const object = <const F extends Fields>(fields: F, rules: ObjectRules = {}): Schema<ObjectOf<F>> => {
  const named = Object.entries(fields)
  const required = named.filter(([, part]) => !isOptional(part)).map(([name]) => name)
  const properties = Object.fromEntries(named.map(([name, part]) => [name, isOptional(part) ? part.optional : part]))
  return typed({ type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false, ...rules })
}
