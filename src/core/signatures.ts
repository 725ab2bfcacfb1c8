import { isOptional, type JsonSchema, type Optional, type Schema } from './schema.ts'

/** One argument of a method, as declared. */
export interface Argument {
  readonly schema: JsonSchema
  /** It may be left out, and so may all after it. */
  readonly optional: boolean
}

// What a schema lets through, the method must be able to take: hence a schema of its parameter's type or a narrower one.
type Declared<Parameters extends readonly unknown[]> = Parameters extends readonly []
  ? readonly []
  : Parameters extends readonly [infer First, ...infer Rest]
    ? readonly [Schema<First>, ...Declared<Rest>]
    : number extends Parameters['length']
      ? never
      : Parameters extends readonly [(infer First)?, ...infer Rest]
        ? readonly [Optional<First>, ...Declared<Rest>]
        : never
type Item<R> = R extends AsyncIterable<infer I> ? I : Awaited<R>

/** Schemas of the arguments of each method that has some declared. A method with a rest parameter can have none. */
export type ArgumentsOf<All> = {
  readonly [K in keyof All]?: All[K] extends (self: never, ...args: infer Parameters) => unknown ? Declared<Parameters> : never
}
/** Schemas of the results. They are not enforced; the types see to it that a schema and its method agree. */
export type ResultsOf<All> = {
  readonly [K in keyof All]?: All[K] extends (self: never, ...args: never[]) => infer R ? Schema<Item<R>> : never
}

/** Reads a declaration of arguments that has lost its types. @throws what `refuse` makes */
export const argumentsOf = (parts: readonly (Schema | Optional)[], refuse: (what: string) => Error): readonly Argument[] => {
  const args = parts.map((part) => (isOptional(part) ? { schema: part.optional, optional: true } : { schema: part, optional: false }))
  args.forEach(({ optional }, index) => {
    if (!optional && args[index - 1]?.optional === true) throw refuse(`argument ${index} must be optional, as the one before it is`)
  })
  return args
}
