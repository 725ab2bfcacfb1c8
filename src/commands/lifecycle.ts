import { monotonicNow } from '../core/clock.ts'
import type { MethodKind } from '../core/define.ts'
import { failure, isActiveStorageError } from '../core/errors.ts'
import { newCallId, objectId, typeName } from '../core/ids.ts'
import { didYouMean } from '../core/nearest.ts'
import { remoteOf } from '../core/remote.ts'
import type { Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { site } from '../objects/site.ts'

/**
 * A type and a name, as `TYPE NAME` or `TYPE/NAME`, and the words after them.
 * @param most how many of these the command takes
 */
export const objectOf = (
  positionals: readonly string[],
  usage: string,
  most = 0,
): { type: string; id: string; rest: readonly string[] } => {
  const [first = '', ...others] = positionals
  const cut = first.indexOf('/')
  const [type = '', id, ...rest] = cut < 0 ? positionals : [first.slice(0, cut), first.slice(cut + 1), ...others]
  if (type === '' || id === undefined || id === '') throw failure('invalid-argument', `usage: active-storage ${usage}`)
  if (rest.length > most) throw failure('invalid-argument', `"${rest[most]}" is one word too many; usage: active-storage ${usage}`)
  return { type, id, rest }
}

/** Runs calls on an object; where it is not there, the error names the nearest that is. */
export const withNames = async <T>(
  transport: Transport,
  { type, id }: { type: string; id: string },
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (!isActiveStorageError(error, 'not-found') || !error.text.includes(`no ${type} named`)) throw error
    const listed = await remoteOf(site, 'main', () => transport, { timeoutMs: LIST_MS })
      .list({ type })
      .catch(() => [])
    const names = listed.map((entry) => entry.id)
    throw failure('not-found', `${error.text}${names.length === 0 ? `; there is no ${type} at all` : didYouMean(id, names)}`, error).at(
      error.origin,
    )
  }
}
const LIST_MS = 5000

/** Calls what every object has. */
export const lifecycleCall = (
  transport: Transport,
  { type, id }: { type: string; id: string },
  method: string,
  kind: MethodKind,
  timeoutMs: number,
  args: readonly Value[] = [],
): Promise<Value> =>
  transport.call({
    type: typeName(type),
    object: objectId(id),
    method,
    kind,
    args,
    context: { callId: newCallId(), chain: [], deadline: monotonicNow() + timeoutMs },
  })
