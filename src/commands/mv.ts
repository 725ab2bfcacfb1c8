import { failure } from '../core/errors.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { lifecycleCall, objectOf, withNames } from './lifecycle.ts'
import { print, toJson } from './output.ts'

export const mv: Command = {
  name: 'mv',
  summary: 'Moves an object to another site, which the node must know as a --peer.',
  usage: 'TYPE NAME SITE',
  takes: 3,
  options: nodeOption,
  examples: ['active-storage mv dataset photos fog-2'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const object = objectOf(args.positionals, 'mv TYPE NAME SITE', 1)
      const [to] = object.rest
      if (to === undefined) throw failure('invalid-argument', 'usage: active-storage mv TYPE NAME SITE')
      const moved = await withNames(transport, object, () => lifecycleCall(transport, object, '$move', 'stateful', timeoutMs, [to]))
      print(args.flag('json') ? toJson(moved) : `${object.type}/${object.id} is on ${to} now`)
    }),
}
