import { monotonicNow } from '../core/clock.ts'
import { failure } from '../core/errors.ts'
import { newCallId, objectId, typeName } from '../core/ids.ts'
import { hint } from '../core/nearest.ts'
import type { Call } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { type DeclaredMethod, methodsOf } from './declaration.ts'
import { objectOf, withNames } from './lifecycle.ts'
import { print, toJson, toJsonLine } from './output.ts'

/**
 * An argument as JSON where it is that, otherwise as text. Whole numbers keep all their digits.
 * @throws ActiveStorageError `invalid-argument` for what begins as a JSON object or list and is none
 */
export const valueOf = (text: string): Value => {
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text))) return BigInt(text)
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON can say is a Value
    return JSON.parse(text) as Value
  } catch (error) {
    if (!/^\s*[[{]/.test(text)) return text
    const why = error instanceof Error ? error.message : String(error)
    throw failure(
      'invalid-argument',
      `the argument ${text.slice(0, 80)} is not JSON (${why}): write keys in double quotes, '{"limit": 3}'`,
      error,
    )
  }
}

/** Whether the method gives a stream. @throws ActiveStorageError `unknown-method`, `invalid-argument` */
export const isStream = (
  type: string,
  method: string,
  methods: ReadonlyMap<string, DeclaredMethod> | undefined,
  asked: boolean,
): boolean => {
  // Every object has methods such as $describe, which no type declares.
  if (methods === undefined || method.startsWith('$')) return asked
  const declared = methods.get(method)
  const names = [...methods.keys()].sort()
  if (declared === undefined) {
    throw failure('unknown-method', `${type} has no method "${method.slice(0, 80)}"${hint(method, names)}; it has ${names.join(', ')}`)
  }
  if (asked && !declared.stream) throw failure('invalid-argument', `${type}.${method} gives one result: leave --stream out`)
  return declared.stream
}

export const call: Command = {
  name: 'call',
  summary: 'Calls a method of an object. The items of a stream are printed as they come, one line of JSON each.',
  usage: 'TYPE NAME METHOD [ARGUMENT...]',
  options: {
    ...nodeOption,
    stream: { type: 'boolean', help: 'refuse a method that gives one result; streams are told apart by themselves' },
    'idempotency-key': { type: 'string', value: 'KEY', help: "a repeated call with the same key returns the first one's result" },
  },
  examples: [
    'active-storage call dataset photos count',
    'active-storage call dataset photos list \'{"limit": 3}\'',
    'active-storage call counter visits add 5 --idempotency-key order-17',
  ],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const usage = 'call TYPE NAME METHOD [ARGUMENT...]'
      const { type, id, rest } = objectOf(args.positionals, usage, Infinity)
      const [method, ...given] = rest
      if (method === undefined) throw failure('invalid-argument', `usage: active-storage ${usage}`)
      const key = args.text('idempotency-key')
      const made: Call = {
        type: typeName(type),
        object: objectId(id),
        method,
        kind: 'stateful',
        args: given.map(valueOf),
        context: {
          callId: newCallId(),
          chain: [],
          deadline: monotonicNow() + timeoutMs,
          ...(key !== undefined && { idempotencyKey: key }),
        },
      }
      // Before anything runs: a stateful stream that is called for one result would have begun to change the object.
      const stream = isStream(type, method, await methodsOf(transport, type, timeoutMs), args.flag('stream'))
      await withNames(transport, { type, id }, async () => {
        if (!stream) return print(toJson((await transport.call(made)) ?? null))
        for await (const item of transport.stream(made)) print(toJsonLine(item ?? null))
      })
    }),
}
