import { failure } from '../core/errors.ts'
import type { Command } from './command.ts'
import { print, progress, toJson } from './output.ts'
import { printProblems, shown } from './verify.ts'

export const restore: Command = {
  name: 'restore',
  summary: 'Makes a data folder from a backup, and verifies it. No node may have the folder open.',
  usage: '--from FOLDER --data DIR',
  takes: 0,
  options: {
    from: { type: 'string', value: 'FOLDER', help: 'the backup (required)' },
    data: { type: 'string', value: 'DIR', help: 'the data folder to make (required)' },
    force: { type: 'boolean', help: 'replace what is in the data folder' },
    damaged: { type: 'boolean', help: 'put it in place although problems are found' },
    name: { type: 'string', value: 'NAME', help: "the node's name (default: the backup's)" },
  },
  examples: [
    'active-storage restore --from /backups/monday --data /srv/as',
    'active-storage restore --from /backups/monday --data /srv/as --force',
  ],
  async run(args) {
    const [from, data, name] = [args.text('from'), args.text('data'), args.text('name')]
    if (from === undefined) throw failure('invalid-argument', '--from FOLDER is required: the backup')
    if (data === undefined) throw failure('invalid-argument', '--data DIR is required: the data folder to make')
    const { restoreBackup } = await import('../storage-node/backup/restore.ts')
    const bar = progress(`restoring ${data}`)
    const { counts, problems, found, inPlace } = await restoreBackup({
      from,
      data,
      force: args.flag('force'),
      damaged: args.flag('damaged'),
      ...(name !== undefined && { name }),
      onProgress: (soFar) => bar.update('files' in soFar ? `${soFar.files} files copied` : `checked ${shown(soFar)}`),
    }).finally(() => bar.done())
    if (args.flag('json')) print(toJson({ from, data, inPlace, counts, found, problems }))
    else {
      printProblems(problems, found)
      print(
        inPlace
          ? `${data}: ${shown(counts)}, from ${from}`
          : `${data} is as it was before: the backup has problems; put it in place all the same with --damaged`,
      )
    }
    return problems.length === 0 ? 0 : 1
  },
}
