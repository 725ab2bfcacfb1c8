import { failure } from '../core/errors.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { lifecycleCall, objectOf, withNames } from './lifecycle.ts'
import { print, toJson } from './output.ts'

export const rm: Command = {
  name: 'rm',
  summary: 'Deletes an object, with all that belongs to it.',
  usage: 'TYPE NAME',
  takes: 2,
  options: nodeOption,
  examples: ['active-storage rm dataset photos', 'active-storage rm model/faces'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const object = objectOf(args.positionals, 'rm TYPE NAME')
      await withNames(transport, object, async () => {
        const there = await lifecycleCall(transport, object, '$delete', 'stateful', timeoutMs)
        if (there !== true) throw failure('not-found', `there is no ${object.type} named "${object.id}"`)
      })
      print(args.flag('json') ? toJson({ deleted: `${object.type}/${object.id}` }) : `deleted ${object.type}/${object.id}`)
    }),
}
