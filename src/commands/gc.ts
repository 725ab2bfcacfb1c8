import { remoteOf } from '../core/remote.ts'
import { directory } from '../objects/directory.ts'
import { site } from '../objects/site.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { humanBytes, print, toJson } from './output.ts'

export const gc: Command = {
  name: 'gc',
  summary: 'Removes content that no object refers to.',
  usage: '',
  takes: 0,
  options: { ...nodeOption, 'dry-run': { type: 'boolean', help: 'only count what would go' } },
  examples: ['active-storage gc --dry-run', 'active-storage gc'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const dryRun = args.flag('dry-run')
      const found = await remoteOf(site, 'main', () => transport, { timeoutMs }).collect({ dryRun })
      const aliases = dryRun ? 0 : await remoteOf(directory, 'main', () => transport, { timeoutMs }).sweep()
      if (args.flag('json')) return print(toJson({ ...found, aliases, dryRun }))
      print(
        `${dryRun ? 'would remove' : 'removed'} ${found.contents} contents (${humanBytes(found.bytes)}) and ${found.notes} notes of adopted files${aliases === 0 ? '' : `, and ${aliases} aliases whose time is over`}`,
      )
    }),
}
