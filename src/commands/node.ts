import { resolve } from 'node:path'
import { failure } from '../core/errors.ts'
import type { Command } from './command.ts'
import { typesFrom } from './object-modules.ts'
import { print, toJson } from './output.ts'
import { onSupervisorGone, supervise } from './supervise.ts'
import { sizeOf } from './size.ts'

const tiers = ['edge', 'fog', 'cloud'] as const

const whole = (name: string, text: string | undefined, most: number): number | undefined => {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1 || number > most)
    throw failure('invalid-argument', `--${name} ${text}: use a whole number from 1 to ${most}`)
  return number
}

const peersFrom = (texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    texts.map((text) => {
      const cut = text.indexOf('=')
      if (cut < 1) throw failure('invalid-argument', `--peer ${text}: use NAME=HOST:PORT`)
      return [text.slice(0, cut), text.slice(cut + 1)]
    }),
  )

export const node: Command = {
  name: 'node',
  summary: 'Runs a storage node: keeps objects, and runs their methods beside the data.',
  usage: '--data DIR [options]',
  options: {
    data: { type: 'string', value: 'DIR', help: 'folder for everything that lasts (required)' },
    listen: { type: 'string', value: 'HOST:PORT', help: 'address (default 127.0.0.1:7070; port 0 takes a free one)' },
    name: { type: 'string', value: 'NAME', help: "the site's name, which references carry (default node)" },
    tier: { type: 'string', value: 'TIER', help: 'edge, fog or cloud (default edge)' },
    threads: { type: 'string', value: 'K', help: 'compute workers (default 2)' },
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
    'max-calls': { type: 'string', value: 'N', help: 'calls under way before more are refused (default 1024)' },
    insecure: { type: 'boolean', help: 'listen beyond loopback without encryption' },
    supervised: { type: 'boolean', help: 'start the node again at once where it dies; give --listen a port' },
    stacks: { type: 'boolean', help: 'send the stacks of errors to callers' },
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
    if (tier === undefined) throw failure('invalid-argument', `--tier ${args.text('tier')}: use ${tiers.join(', ')}`)
    const threads = whole('threads', args.text('threads'), 256)
    const cacheMib = whole('cache-mib', args.text('cache-mib'), 1024 * 1024)
    const memoryBytes = sizeOf('memory', args.text('memory'))
    const maxCalls = whole('max-calls', args.text('max-calls'), 1_000_000)
    const listen = args.text('listen')
    const name = args.text('name')
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
      peers: peersFrom(args.texts('peer')),
      adopt: args.texts('adopt').map((folder) => resolve(folder)),
      backups: args.texts('backups').map((folder) => resolve(folder)),
      insecure: args.flag('insecure'),
      stacks: args.flag('stacks'),
      ...(listen !== undefined && { listen }),
      ...(name !== undefined && { name }),
      ...(threads !== undefined && { threads }),
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
