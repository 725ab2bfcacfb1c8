import { isActiveStorageError } from '../core/errors.ts'
import { remoteOf } from '../core/remote.ts'
import { site } from '../objects/site.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { lifecycleCall, objectOf } from './lifecycle.ts'
import { print, toJson } from './output.ts'

export const describe: Command = {
  name: 'describe',
  summary: 'Describes a node, or one of its objects.',
  usage: '[TYPE NAME]',
  options: nodeOption,
  examples: ['active-storage describe', 'active-storage describe model faces'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      if (args.positionals.length === 0) return print(toJson(await remoteOf(site, 'main', () => transport, { timeoutMs }).describe()))
      const object = objectOf(args.positionals, 'describe [TYPE NAME]')
      const declared = await lifecycleCall(transport, object, '$describe', 'readonly', timeoutMs)
      // What the type has to say of it beside.
      const own = await lifecycleCall(transport, object, 'describe', 'readonly', timeoutMs).catch((error: unknown) => {
        if (isActiveStorageError(error, 'unknown-method')) return undefined
        throw error
      })
      print(toJson(own === undefined ? declared : { ...Object(own), object: declared }))
    }),
}
