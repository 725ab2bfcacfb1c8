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
      if (args.flag('json')) print(toJson(all))
      else
        print(
          all.length === 0
            ? 'no objects'
            : table([['TYPE', 'NAME', 'VERSION'], ...all.map(({ type: of, id, version }) => [of, id, version])]),
        )
    }),
}
