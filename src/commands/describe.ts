import { failure } from '../core/errors.ts'
import { newCallId, objectId, typeName } from '../core/ids.ts'
import { remoteOf } from '../core/remote.ts'
import { site } from '../objects/site.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { print, toJson } from './output.ts'

export const describe: Command = {
  name: 'describe',
  summary: 'Describes a node, or one of its objects.',
  usage: '[TYPE NAME]',
  options: nodeOption,
  examples: ['active-storage describe', 'active-storage describe model faces'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const [type, name] = args.positionals
      if (type === undefined) return print(toJson(await remoteOf(site, 'main', () => transport, { timeoutMs }).describe()))
      if (name === undefined) throw failure('invalid-argument', 'usage: active-storage describe [TYPE NAME]')
      const context = { callId: newCallId(), chain: [], budgetMs: timeoutMs }
      print(
        toJson(
          await transport.call({ type: typeName(type), object: objectId(name), method: 'describe', kind: 'readonly', args: [], context }),
        ),
      )
    }),
}
