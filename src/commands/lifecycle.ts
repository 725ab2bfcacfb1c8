import type { MethodKind } from '../core/define.ts'
import { failure } from '../core/errors.ts'
import { newCallId, objectId, typeName } from '../core/ids.ts'
import type { Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'

/** A type and a name, as `TYPE NAME` or `TYPE/NAME`. */
export const objectOf = (positionals: readonly string[], usage: string): { type: string; id: string; rest: readonly string[] } => {
  const [first = '', ...others] = positionals
  const [type = '', id, ...more] = first.includes('/') ? [...first.split('/', 2), ...others] : positionals
  if (type === '' || id === undefined || id === '') throw failure('invalid-argument', `usage: active-storage ${usage}`)
  return { type, id, rest: more }
}

/** Calls what every object has. */
export const lifecycleCall = (
  transport: Transport,
  { type, id }: { type: string; id: string },
  method: string,
  kind: MethodKind,
  budgetMs: number,
  args: readonly Value[] = [],
): Promise<Value> =>
  transport.call({ type: typeName(type), object: objectId(id), method, kind, args, context: { callId: newCallId(), chain: [], budgetMs } })
