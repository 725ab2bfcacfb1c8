import { isActiveStorageError } from '../core/errors.ts'
import { remoteOf } from '../core/remote.ts'
import type { Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { site } from '../objects/site.ts'

/** What a caller has to know of a method. */
export interface DeclaredMethod {
  readonly kind: string
  readonly stream: boolean
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** The methods in a description of a type or an object, by name. */
export const methodsIn = (description: Value): ReadonlyMap<string, DeclaredMethod> => {
  const methods = isRecord(description) ? description['methods'] : undefined
  return new Map(
    Object.entries(isRecord(methods) ? methods : {}).map(([name, method]) => [
      name,
      isRecord(method)
        ? { kind: typeof method['kind'] === 'string' ? method['kind'] : '', stream: method['stream'] === true }
        : { kind: '', stream: false },
    ]),
  )
}

/**
 * The methods of a type; undefined where the node is of a version that does not tell.
 * @throws ActiveStorageError `unknown-type`
 */
export const methodsOf = async (
  transport: Transport,
  type: string,
  timeoutMs: number,
): Promise<ReadonlyMap<string, DeclaredMethod> | undefined> => {
  try {
    return methodsIn(await remoteOf(site, 'main', () => transport, { timeoutMs }).declaration(type))
  } catch (error) {
    if (isActiveStorageError(error, 'unknown-method')) return undefined
    throw error
  }
}
