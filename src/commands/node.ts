import { resolve } from 'node:path'
import { failure, toFailure } from '../core/errors.ts'
import { siteName } from '../core/ids.ts'
import { hint } from '../core/nearest.ts'
import { parseAddress } from '../link/address.ts'
import type { Command } from './command.ts'
import { typesFrom } from './object-modules.ts'
import { print, toJson } from './output.ts'
import { onSupervisorGone, supervise } from './supervise.ts'
import { sizeOf } from './size.ts'

const computeKinds = ['process', 'thread'] as const
const tiers = ['edge', 'fog', 'cloud'] as const

const whole = (name: string, text: string | undefined, most: number): number | undefined => {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1 || number > most)
    throw failure('invalid-argument', `--${name} ${text}: use a whole number from 1 to ${most}, without a unit`)
  return number
}

/** Peers by name. @throws ActiveStorageError `invalid-argument` that names the option */
const peersFrom = (texts: readonly string[]): Record<string, string> => {
  const peers: Record<string, string> = {}
  for (const text of texts) {
    const cut = text.indexOf('=')
    if (cut < 1) throw failure('invalid-argument', `--peer ${text}: use NAME=HOST:PORT, such as fog-2=10.0.0.2:7070`)
    const [name, address] = [text.slice(0, cut), text.slice(cut + 1)]
    if (Object.hasOwn(peers, name)) throw failure('invalid-argument', `--peer ${text}: the peer "${name}" is named twice`)
    try {
      siteName(name)
      parseAddress(address)
    } catch (error) {
      throw failure('invalid-argument', `--peer ${text}: ${toFailure(error).text}`, error)
    }
    peers[name] = address
  }
  return peers
}

export const node: Command = {
  name: 'node',
  summary: 'Runs a storage node: keeps objects, and runs their methods beside the data.',
  usage: '--data DIR [options]',
  takes: 0,
  options: {
    data: { type: 'string', value: 'DIR', help: 'folder for everything that lasts (required)' },
    listen: { type: 'string', value: 'HOST:PORT', help: 'address (default 127.0.0.1:7070; port 0 takes a free one)' },
    name: {
      type: 'string',
      value: 'NAME',
      help: "the site's name, which references carry; it stays with the folder (default: the folder's, else node)",
    },
    tier: { type: 'string', value: 'TIER', help: 'edge, fog or cloud (default edge)' },
    threads: { type: 'string', value: 'K', help: 'runs of models at a time (default 2)' },
    compute: {
      type: 'string',
      value: 'KIND',
      help: 'process: models run in processes of their own (default); thread: in the node, which a bad model then ends',
    },
    'compute-grace': {
      type: 'string',
      value: 'SECONDS',
      help: 'how long a run may go on that its caller gave up, before its process is ended (default 5)',
    },
    objects: {
      type: 'string',
      multiple: true,
      value: 'MODULE',
      help: 'module (.js or .ts) that exports object types; trusted code; may be repeated',
    },
    peer: { type: 'string', multiple: true, value: 'NAME=HOST:PORT', help: 'site that inputs may be fetched from; may be repeated' },
    adopt: { type: 'string', multiple: true, value: 'FOLDER', help: 'folder whose files callers may adopt in place; may be repeated' },
    backups: {
      type: 'string',
      multiple: true,
      value: 'FOLDER',
      help: 'folder below which callers may have backups written; may be repeated',
    },
    'cache-mib': { type: 'string', value: 'MIB', help: 'fetched content to keep, in MiB (default 1024; at most a quarter of the memory)' },
    memory: {
      type: 'string',
      value: 'SIZE',
      help: "memory to keep within, such as 512MiB or 8GiB (default three quarters of the machine's)",
    },
    'max-calls': { type: 'string', value: 'N', help: 'calls under way before more are refused (default 1024, less with a small --memory)' },
    insecure: { type: 'boolean', help: 'listen beyond loopback without encryption' },
    supervised: { type: 'boolean', help: 'start the node again at once where it dies; give --listen a port' },
    stacks: { type: 'boolean', help: 'send the stacks of errors to callers' },
    quiet: { type: 'boolean', help: 'say nothing on stderr of calls that fail, a full disk or a slow event loop' },
  },
  examples: [
    'active-storage node --data /srv/as --name edge-7 --adopt /srv/photos',
    'active-storage node --data /srv/as --name edge-7 --supervised',
    'active-storage node --data ./cloud --name pool --tier cloud --listen 127.0.0.1:7071 --peer edge-7=127.0.0.1:7070',
  ],
  async run(args) {
    const data = args.text('data')
    if (data === undefined) throw failure('invalid-argument', '--data DIR is required: the folder for everything that lasts')
    const tier = tiers.find((known) => known === (args.text('tier') ?? 'edge'))
    if (tier === undefined)
      throw failure('invalid-argument', `--tier ${args.text('tier')}: use ${tiers.join(', ')}${hint(args.text('tier') ?? '', tiers)}`)
    const threads = whole('threads', args.text('threads'), 256)
    const compute = computeKinds.find((known) => known === (args.text('compute') ?? 'process'))
    if (compute === undefined)
      throw failure(
        'invalid-argument',
        `--compute ${args.text('compute')}: use ${computeKinds.join(' or ')}${hint(args.text('compute') ?? '', computeKinds)}`,
      )
    const graceSeconds = whole('compute-grace', args.text('compute-grace'), 3600)
    const cacheMib = whole('cache-mib', args.text('cache-mib'), 1024 * 1024)
    const memoryBytes = sizeOf('memory', args.text('memory'))
    const maxCalls = whole('max-calls', args.text('max-calls'), 1_000_000)
    const listen = args.text('listen')
    if (listen !== undefined) parseAddress(listen)
    const name = args.text('name')
    const peers = peersFrom(args.texts('peer'))
    if (args.flag('supervised')) {
      if (listen?.endsWith(':0') === true)
        throw failure('invalid-argument', `--supervised with --listen ${listen}: give a port, so that callers find the node again`)
      const own = process.argv.slice(2).filter((arg) => arg !== '--supervised')
      return supervise(own, (line) => process.stderr.write(`active-storage node: ${line}\n`))
    }
    const { prepareMemory } = await import('../storage-node/memory/node-memory.ts')
    await prepareMemory(memoryBytes)
    const objects = (await Promise.all(args.texts('objects').map(typesFrom))).flat()
    const { createStorageNode } = await import('../storage-node/node.ts')
    const started = await createStorageNode({
      data,
      tier,
      objects,
      peers,
      adopt: args.texts('adopt').map((folder) => resolve(folder)),
      backups: args.texts('backups').map((folder) => resolve(folder)),
      insecure: args.flag('insecure'),
      stacks: args.flag('stacks'),
      ...(!args.flag('quiet') && { log: (line: string) => void process.stderr.write(`active-storage node: ${line}\n`) }),
      ...(listen !== undefined && { listen }),
      ...(name !== undefined && { name }),
      compute,
      ...(threads !== undefined && { threads }),
      ...(graceSeconds !== undefined && { computeGraceMs: graceSeconds * 1000 }),
      ...(cacheMib !== undefined && { cacheBytes: cacheMib * 1024 ** 2 }),
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(maxCalls !== undefined && { limits: { calls: maxCalls } }),
    })
    const { address, host } = started
    // Before it says that it serves: whoever hears that may stop it at once.
    const stopped = new Promise<void>((done) => {
      const stop = (signal: string) => {
        if (!args.flag('json')) print(`${signal}: finishing ${host.admission.inFlight} calls under way; once more to stop at once`)
        process.once('SIGINT', () => process.exit(130))
        process.once('SIGTERM', () => process.exit(143))
        void started.close().then(done)
      }
      process.once('SIGINT', () => stop('SIGINT'))
      process.once('SIGTERM', () => stop('SIGTERM'))
      onSupervisorGone(() => stop('the supervisor is gone'))
    })
    print(
      args.flag('json')
        ? toJson({ name: started.name, tier, address, data, pid: process.pid }).replaceAll(/\n\s*/g, ' ')
        : `storage node ${started.name} (${tier}) serves on ${address}, data in ${data}; ${host.description.types.length} object types`,
    )
    await stopped
    return 0
  },
}
