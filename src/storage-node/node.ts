import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { ObjectType } from '../core/define.ts'
import { failure } from '../core/errors.ts'
import { type SiteName, siteName } from '../core/ids.ts'
import type { SiteDescription, Transport } from '../core/transport.ts'
import { VERSION } from '../core/version.ts'
import { createBreaker } from '../link/breaker.ts'
import { isLoopback, parseAddress } from '../link/address.ts'
import { grpcTransport } from '../link/grpc-transport.ts'
import { resilient } from '../link/resilient.ts'
import { channelOptions, liveness, protocol } from '../wire/protocol.ts'
import { decodedCache } from '../objects/pipeline/decoded-cache.ts'
import { type AdmissionLimits, createAdmission, defaultAdmission } from './admission.ts'
import { createBackups } from './backup/backup.ts'
import { keptContent } from './backup/kept-content.ts'
import { finishRestore } from './backup/pending-restore.ts'
import { builtIn } from './built-in.ts'
import { type ComputeKind, createCompute } from './compute/pool.ts'
import { contentCache } from './content/content-cache.ts'
import { folderContent } from './content/folder-content.ts'
import { createResolver } from './content/resolver.ts'
import { fingerprint } from './fingerprint.ts'
import { lockFolder } from './folder-lock.ts'
import { createFront } from './front/front.ts'
import { loadAll } from './load-all.ts'
import { createHost, type Host } from './host.ts'
import { keepMemory, planMemory } from './memory/node-memory.ts'
import { watchedStore } from './memory/watched-store.ts'
import { openerFor } from './open-for-workers.ts'
import { type LoopWatch, watchLoop } from './loop-watch.ts'
import { createReporter } from './reporter.ts'
import { serviceOf } from './server.ts'
import { checkFormat, nameOfStore, noteName } from './store/format.ts'
import { lmdbStore } from './store/lmdb-store.ts'

export interface StorageNodeOptions {
  /** Folder for all that lasts; made where it is missing. */
  readonly data: string
  /** `host:port`; port 0 takes a free one. Default 127.0.0.1:7070. */
  readonly listen?: string
  /** The site's name, which references carry. Default: the one that the folder was first used with, else `node`. */
  readonly name?: string
  /** Default `edge`. */
  readonly tier?: 'edge' | 'fog' | 'cloud'
  /** Runs of models at a time. Default 2: more than the cores only adds memory. */
  readonly threads?: number
  /**
   * `process`: models run and train in processes of their own, which are ended where a run does not end; a model that crashes
   * onnxruntime ends its process and nothing else. `thread`: in threads of this process, for nodes all of whose models are
   * trusted. Default `process`.
   */
  readonly compute?: ComputeKind
  /** How long a run may go on in a process whose caller has given up, in ms. Default 5000. */
  readonly computeGraceMs?: number
  /** Object types beside the built-in ones. */
  readonly objects?: readonly ObjectType[]
  /** Sites that inputs may be fetched from: address by name. */
  readonly peers?: Readonly<Record<string, string>>
  /** Folders whose files callers may adopt. Default none. */
  readonly adopt?: readonly string[]
  /** Folders below which callers may have backups written. Default none. */
  readonly backups?: readonly string[]
  /** Sends the stacks of errors to callers. Default false: they tell of the node's inside. */
  readonly stacks?: boolean
  /** Listens beyond loopback without encryption. Default false. */
  readonly insecure?: boolean
  /** Bytes of fetched content to keep. Default 1 GiB; at the most a quarter of `memoryBytes`. */
  readonly cacheBytes?: number
  /**
   * Bytes of memory that the process may have, and at least what it needs to run. Beyond it the node lets go of what can
   * be had again, then refuses arguments and results. Default: three quarters of the machine's memory, or of the control group's.
   */
  readonly memoryBytes?: number
  readonly limits?: Partial<AdmissionLimits>
  /**
   * Takes lines on what fails: errors of calls by code, object and method (never what callers send), a disk that takes no
   * writes, a slow event loop. The first of a kind at once, then at most one in 10 s. Default: nothing is said.
   */
  readonly log?: (line: string) => void
}

export interface StorageNode extends AsyncDisposable {
  readonly name: SiteName
  /** Where it listens, with the port that it got. */
  readonly address: string
  readonly host: Host
  /** Stops taking calls, finishes those under way (at most `graceMs`, default 30,000), and closes the store. */
  close(options?: { graceMs?: number }): Promise<void>
}

/** Memory that a compute process needs to run any model at all. */
const LEAST_PROCESS = 256 * 1024 ** 2

/** When a node stops, runs of models that go on for longer fail with `unavailable`, so that it ends within 10 s of them. */
const COMPUTE_STOP_MS = 8000

/** Why an address cannot be listened on, in words: grpc-js puts the system's errors into a text. */
const bindFailure = (listen: string, error: Error): Error => {
  const { message } = error
  if (/EADDRINUSE/.test(message))
    return failure('address-in-use', `${listen} is taken by another process: choose another port with --listen, or stop it`, error)
  if (/EACCES|EPERM/.test(message))
    return failure('permission-denied', `${listen}: this user may not listen on that port: choose one from 1024 with --listen`, error)
  const why = /EADDRNOTAVAIL/.test(message)
    ? 'the host is no address of this machine'
    : /EAFNOSUPPORT|EINVAL/.test(message)
      ? 'this machine has no such kind of address'
      : /ENOTFOUND|EAI_|resol/i.test(message)
        ? 'the host name is not known'
        : 'the system refuses it'
  return failure(
    'invalid-argument',
    `cannot listen on ${listen}: ${why}; use host:port with an address of this machine, such as 127.0.0.1:7070`,
    error,
  )
}

const bind = (server: Server, listen: string): Promise<number> =>
  new Promise((resolve, reject) => {
    // With its scheme: a host named "unix" would be taken for one.
    server.bindAsync(`dns:${listen}`, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(bindFailure(listen, error))
    })
  })

/** A folder that is mistyped would be found out by the first caller, as one that is not allowed. */
const checkFolders = async (option: string, folders: readonly string[]): Promise<void> => {
  for (const folder of folders) {
    try {
      await access(folder, constants.R_OK)
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      throw failure(
        'invalid-argument',
        `--${option} ${folder}: ${missing ? 'there is no such folder on this machine; make it, or correct the path' : 'this process may not read it; correct its permissions, or run as another user'}`,
        error,
      )
    }
  }
}

/**
 * Starts a storage node in this process.
 * @throws ActiveStorageError `folder-in-use`, `address-in-use`, `permission-denied`, `invalid-argument`, `storage-failed`
 */
export const createStorageNode = async (options: StorageNodeOptions): Promise<StorageNode> => {
  const { data, listen = '127.0.0.1:7070', tier = 'edge', threads = 2, objects = [], peers = {}, adopt = [], insecure = false } = options
  const plan = planMemory(options.memoryBytes)
  const cacheBytes = Math.min(options.cacheBytes ?? Infinity, plan.cacheBytes)
  const asked = options.name === undefined ? undefined : siteName(options.name)
  if (asked === 'local')
    throw failure('invalid-argument', '"local" is the name of every client\'s own process: give the node another --name')
  if (!isLoopback(parseAddress(listen).host) && !insecure) {
    throw failure(
      'permission-denied',
      `${listen} can be reached from other machines, and connections are not encrypted yet: listen on 127.0.0.1, or say --insecure on a network that you trust`,
    )
  }
  await checkFolders('adopt', adopt)
  await checkFolders('backups', options.backups ?? [])
  await loadAll()
  const closers: (() => Promise<void> | void)[] = []
  const closeAll = async () => {
    for (const close of closers.reverse()) await close()
  }
  try {
    closers.push(await lockFolder(data))
    await finishRestore(data)
    const storeFolder = join(data, 'store')
    const lmdb = await lmdbStore(storeFolder)
    closers.push(() => lmdb.close())
    const memory = await keepMemory({
      plan,
      store: storeFolder,
      // Decoded again is sooner had than fetched again.
      shrinkCache: (bytes) => resolver.shrinkCache(bytes - decodedCache.shrink(bytes)),
      dropSessions: () => void compute.endIdle(),
      elsewhere: () => compute.watchMemory(),
      busy: () => admission.inFlight > 0 || admission.argumentBytes > 0,
    })
    closers.push(() => memory.stop())
    const store = watchedStore(lmdb, memory.touched)
    await checkFormat(store, data)
    const name = nameOfStore(store, data, asked)
    const peerLinks = new Map<SiteName, Transport>()
    for (const [peer, address] of Object.entries(peers)) {
      const transport = resilient(grpcTransport(address, siteName(peer)), { breaker: createBreaker() })
      peerLinks.set(siteName(peer), transport)
      closers.push(() => transport.close())
    }
    const contentFolder = join(data, 'content')
    const kept = keptContent(folderContent(contentFolder, store, adopt))
    const contentStore = kept.content
    const resolver = createResolver({ site: name, store: contentStore, cache: contentCache(cacheBytes), peers: peerLinks })
    const compute = createCompute({
      threads,
      sessionBytes: plan.sessionBytes,
      resultBytes: plan.argumentBytes,
      processBytes: Math.max(plan.limit, LEAST_PROCESS),
      ...(options.compute !== undefined && { kind: options.compute }),
      ...(options.computeGraceMs !== undefined && { graceMs: options.computeGraceMs }),
      ...openerFor(contentStore, resolver),
    })
    closers.push(() => compute.close())
    const types = [...builtIn, ...objects]
    const description: SiteDescription = {
      name,
      tier,
      version: VERSION,
      fingerprint: fingerprint(),
      peers: [...peerLinks.keys()],
      types: types.map((type) => type.name),
    }
    const reporter = options.log === undefined ? undefined : createReporter({ write: options.log })
    if (reporter !== undefined) closers.push(() => reporter.close())
    const admitted = {
      ...defaultAdmission,
      calls: plan.calls,
      bytes: plan.argumentBytes,
      callBytes: plan.callBytes,
      ...options.limits,
    }
    const admission = createAdmission(admitted, memory)
    const { publicServices } = await import('./well-known-services.ts')
    const known = publicServices()
    let loop: LoopWatch | undefined
    const host = createHost({
      description,
      types,
      store,
      content: contentStore,
      resolver,
      compute,
      admission,
      peers: peerLinks,
      stacks: options.stacks ?? false,
      loopDelay: () => loop?.delay(),
      pendingBytes: plan.pendingBytes,
      onWritable: (writable, why) => {
        known.writable(writable)
        reporter?.writable(writable, why)
      },
      backup: createBackups({ site: name, store: lmdb, folder: contentFolder, content: kept, allowed: options.backups ?? [] }),
    })
    // Calls are over by then, but for methods that ignore that they were stopped.
    closers.push(() => host.close({ graceMs: 1000 }))

    const front = createFront(
      { connections: plan.connections, waiting: Math.max(256, admitted.calls), connectionStreams: Math.max(1024, admitted.calls + 64) },
      admission,
    )
    closers.push(() => front.close())
    const server = new Server({ ...channelOptions, ...liveness })
    server.addService(protocol.StorageNode.service, serviceOf(host, front.current, reporter?.failed))
    known.addTo(server)
    const port = await bind(server, listen)
    await noteName(store, name, asked !== undefined)
    front.guard(server)
    memory.begin()
    // Only now: what a start loads holds the event loop up as a matter of course.
    loop = watchLoop(reporter?.slow)
    closers.push(loop.end)
    let closing: Promise<void> | undefined
    const shutdown = async (graceMs: number) => {
      known.stopping()
      compute.hurry(COMPUTE_STOP_MS)
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => server.forceShutdown(), graceMs)
        server.tryShutdown(() => {
          clearTimeout(force)
          resolve()
        })
      })
      await closeAll()
    }
    const close = ({ graceMs = 30_000 } = {}) => (closing ??= shutdown(graceMs))
    return { name, host, address: listen.replace(/:\d+$/, `:${port}`), close, [Symbol.asyncDispose]: () => close() }
  } catch (error) {
    await closeAll()
    throw error
  }
}
