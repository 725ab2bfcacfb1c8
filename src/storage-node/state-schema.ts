import type { ValidateFunction } from 'ajv'
import type { ObjectType } from '../core/define.ts'
import { failure } from '../core/errors.ts'

const compiled = new WeakMap<ObjectType, Promise<ValidateFunction>>()

const compile = async (type: ObjectType): Promise<ValidateFunction> => {
  // Loaded by the first commit of a type that has a schema.
  const { Ajv } = await import('ajv')
  try {
    return new Ajv({ allErrors: true, strict: false }).compile(type.schema ?? {})
  } catch (error) {
    throw failure(
      'invalid-argument',
      `the schema of object type "${type.name}" is not valid: ${error instanceof Error ? error.message : String(error)}`,
      error,
    )
  }
}

/** Holds a state that is about to be committed against its type's schema. @throws `invalid-argument` naming the fields */
export const checkState = async (type: ObjectType, state: unknown): Promise<void> => {
  if (type.schema === undefined) return
  const checking = compiled.get(type) ?? compile(type)
  compiled.set(type, checking)
  const fits = await checking
  if (fits(state)) return
  const wrong = (fits.errors ?? []).map(({ instancePath, message = 'is wrong' }) => `state${instancePath.replaceAll('/', '.')} ${message}`)
  throw failure(
    'invalid-argument',
    `a method of "${type.name}" left a state that its schema refuses: ${wrong.join('; ')}; nothing was changed`,
  )
}
