import { failure } from '../core/errors.ts'
import { newCallId, objectId, typeName } from '../core/ids.ts'
import type { Call } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { print, toJson } from './output.ts'

/** An argument as JSON where it is that, otherwise as text. */
const valueOf = (text: string): Value => {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON can say is a Value
    return JSON.parse(text) as Value
  } catch {
    return text
  }
}

export const call: Command = {
  name: 'call',
  summary: 'Calls a method of an object.',
  usage: 'TYPE NAME METHOD [ARGUMENT...]',
  options: {
    ...nodeOption,
    stream: { type: 'boolean', help: 'the method gives a stream: print each item' },
    'idempotency-key': { type: 'string', value: 'KEY', help: "a repeated call with the same key returns the first one's result" },
  },
  examples: [
    'active-storage call dataset photos count',
    'active-storage call dataset photos list \'{"limit": 3}\'',
    'active-storage call counter visits add 5 --idempotency-key order-17',
  ],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const [type, name, method, ...rest] = args.positionals
      if (type === undefined || name === undefined || method === undefined)
        throw failure('invalid-argument', 'usage: active-storage call TYPE NAME METHOD [ARGUMENT...]')
      const key = args.text('idempotency-key')
      const made: Call = {
        type: typeName(type),
        object: objectId(name),
        method,
        kind: 'stateful',
        args: rest.map(valueOf),
        context: { callId: newCallId(), chain: [], budgetMs: timeoutMs, ...(key !== undefined && { idempotencyKey: key }) },
      }
      if (!args.flag('stream')) return print(toJson((await transport.call(made)) ?? null))
      for await (const item of transport.stream(made)) print(toJson(item ?? null))
    }),
}
