import { failure } from '../core/errors.ts'
import { remoteOf } from '../core/remote.ts'
import { site } from '../objects/site.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { humanBytes, print, progress, toJson } from './output.ts'

export const backup: Command = {
  name: 'backup',
  summary: 'Has a running node write a backup of itself, to a folder of its own machine.',
  usage: '--to FOLDER',
  takes: 0,
  options: {
    ...nodeOption,
    timeout: { ...nodeOption.timeout, help: 'the most time to wait (default 3600)' },
    to: { type: 'string', value: 'FOLDER', help: 'a new folder on the node, below one that it was given with --backups (required)' },
  },
  examples: ['active-storage backup --to /backups/monday', 'active-storage backup --node edge-7:7070 --to /backups/monday --json'],
  run: (args) =>
    asking(
      args,
      async (transport, timeoutMs) => {
        const to = args.text('to')
        if (to === undefined) throw failure('invalid-argument', '--to FOLDER is required: where on the node the backup goes')
        const bar = progress(`backing up to ${to}`)
        try {
          for await (const progressed of remoteOf(site, 'main', () => transport, { timeoutMs }).backup(to)) {
            const { contents, bytes, copied, complete } = progressed
            bar.update(`${contents} contents, ${humanBytes(bytes)}`)
            if (!complete) continue
            bar.done()
            return print(
              args.flag('json')
                ? toJson({ to, contents, bytes, copied })
                : `${to}: the store and ${contents} contents, ${humanBytes(bytes)}; ${copied} copied, ${contents - copied} linked`,
            )
          }
          throw failure('unavailable', 'the node ended the backup without an answer: look whether the folder is there')
        } finally {
          bar.done()
        }
      },
      3600,
    ),
}
