import { failure } from '../core/errors.ts'
import { hint } from '../core/nearest.ts'
import { remoteOf } from '../core/remote.ts'
import { site } from '../objects/site.ts'
import type { ObjectEntry } from '../core/self.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { print, table, toJson } from './output.ts'

export const ls: Command = {
  name: 'ls',
  summary: 'Lists the objects of a node.',
  usage: '[TYPE]',
  takes: 1,
  options: nodeOption,
  examples: ['active-storage ls', 'active-storage ls dataset --json'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const [type] = args.positionals
      const remote = remoteOf(site, 'main', () => transport, { timeoutMs })
      const all: ObjectEntry[] = []
      for (;;) {
        const last = all.at(-1)
        const page = await remote.list({
          ...(type !== undefined && { type }),
          ...(last !== undefined && { after: `${last.type}/${last.id}` }),
        })
        all.push(...page)
        if (page.length < 1000) break
      }
      if (type !== undefined && all.length === 0) {
        const { name, types } = await remote.describe()
        const [first = '', second] = type.split('/')
        if (second !== undefined && types.includes(first))
          throw failure('invalid-argument', `ls takes a type; active-storage describe ${first} ${second} shows one object`)
        if (!types.includes(type)) {
          throw failure(
            'unknown-type',
            `${name} hosts no object type "${type.slice(0, 80)}"${hint(type, types)}; it hosts ${[...types].sort().join(', ')}`,
          )
        }
      }
      if (args.flag('json')) print(toJson(all))
      else
        print(
          all.length === 0
            ? `no objects${type === undefined ? '' : ` of type ${type}`}`
            : table([['TYPE', 'NAME', 'VERSION'], ...all.map(({ type: of, id, version }) => [of, id, version])]),
        )
    }),
}
