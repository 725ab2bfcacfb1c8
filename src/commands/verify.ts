import { failure } from '../core/errors.ts'
import type { Counts, Verified } from '../storage-node/verify/verify.ts'
import type { Command } from './command.ts'
import { humanBytes, print, progress, toJson } from './output.ts'
import { endingOf, startSelf } from './self-process.ts'

export const shown = ({ objects, entries, contents, contentBytes }: Readonly<Counts>) =>
  `${objects} objects, ${entries} entries, ${contents} contents (${humanBytes(contentBytes)})`

/** Each problem and what to do about it. @returns how many there are */
export const printProblems = (problems: Verified['problems'], found: Verified['found']): number => {
  for (const { kind, place, what, remedy } of problems) print(`${kind}: ${place}: ${what}\n  ${remedy}`)
  const sum = Object.values(found).reduce((total, count) => total + count, 0)
  if (sum > problems.length) print(`and ${sum - problems.length} more`)
  return sum
}

export const verify: Command = {
  name: 'verify',
  summary: 'Checks a whole data folder that no node has open. It repairs nothing.',
  usage: '--data DIR',
  takes: 0,
  options: {
    data: { type: 'string', value: 'DIR', help: 'the data folder, or a backup (required)' },
    name: {
      type: 'string',
      value: 'NAME',
      help: "the node's name: only content at home there has to be here (default: a backup's own, else all)",
    },
  },
  examples: ['active-storage verify --data /srv/as --name edge-7', 'active-storage verify --data /backups/monday --json'],
  async run(args) {
    const data = args.text('data')
    if (data === undefined) throw failure('invalid-argument', '--data DIR is required: the folder to check')
    if (process.env[VERIFYING] === undefined) return apart(data)
    const { nameOfBackup } = await import('../storage-node/backup/manifest.ts')
    const name = args.text('name') ?? (await nameOfBackup(data))
    const { verifyStore } = await import('../storage-node/verify/verify.ts')
    const bar = progress('checking')
    const { counts, problems, found } = await verifyStore(data, {
      ...(name !== undefined && { name }),
      onProgress: (soFar) => bar.update(shown(soFar)),
    }).finally(() => bar.done())
    if (args.flag('json')) print(toJson({ data, sound: problems.length === 0, counts, found, problems }))
    else {
      const sum = printProblems(problems, found)
      print(`${data}: ${shown(counts)}, ${counts.results} results; ${sum === 0 ? 'sound' : sum === 1 ? '1 problem' : `${sum} problems`}`)
    }
    return problems.length === 0 ? 0 : 1
  },
}

const VERIFYING = 'ACTIVE_STORAGE_VERIFYING'
/** In a process of its own: the store is mapped, and pages that cannot be read, or point nowhere, would end this one. */
const apart = async (data: string): Promise<number> => {
  const { code, signal } = await endingOf(startSelf(process.argv.slice(2), { stdio: 'inherit', env: { [VERIFYING]: '1' } }))
  if (signal === undefined || signal === 'SIGINT' || signal === 'SIGTERM') return code
  throw failure('storage-failed', `the store in ${data} cannot be read: reading it ended with ${signal}; restore the folder from a backup`)
}
