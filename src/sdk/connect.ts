import type { ObjectType } from '../core/define.ts'
import { failure, isActiveStorageError } from '../core/errors.ts'
import { LOCAL, type SiteName, siteName } from '../core/ids.ts'
import { remoteOf } from '../core/remote.ts'
import type { Call, SiteDescription, Transport } from '../core/transport.ts'
import { grpcTransport } from '../link/grpc-transport.ts'
import { site as siteType } from '../objects/site.ts'
import { defaultPolicy, type PolicyDocument } from '../policy/document.ts'
import { createPolicy } from '../policy/policy.ts'
import type { Role } from '../policy/types.ts'
import { type Client, createClient } from './client.ts'
import { checkOptions } from './connect-options.ts'
import { hostSite, localSite, remoteSite, type Site } from './site.ts'

/** A site by its address, or a host in this process (`inProcessNode`), as tests use it. */
export type SiteOption =
  | { readonly role: 'node' | 'cloud'; readonly address: string }
  | { readonly role: 'node' | 'cloud'; readonly host: Transport }

export interface ConnectOptions {
  /** Address of the storage node near the data: short for a site of role `node`. */
  readonly node?: string
  /** Address of the bigger node far away: short for a site of role `cloud`. */
  readonly cloud?: string
  /** Sites by the names that their nodes were started with. These may be down when the client starts. */
  readonly sites?: Readonly<Record<string, SiteOption>>
  /** Path of a policy file, read again when it changes; or `{ yaml }`. Default: the cost model with its defaults. */
  readonly policy?: string | { readonly yaml: string }
  /** Object types that may run in this process beside the built-in ones. */
  readonly objects?: readonly ObjectType[]
  /** Runs of models at a time, of what runs on this machine. Default 2. */
  readonly threads?: number
  /**
   * Whether models that run or train on this machine do so in processes of their own, or in threads of this process, which a
   * model may end. Default `process`.
   */
  readonly compute?: 'process' | 'thread'
  /** Bytes of fetched content to keep in this process. Default 512 MiB. */
  readonly cacheBytes?: number
  /** Deadline of a call that sets none, in ms. Default 120,000. */
  readonly timeoutMs?: number
  /** Told of what deserves a look but stops nothing. Default: a warning of the process. */
  readonly onWarning?: (message: string) => void
  /**
   * Says that objects without a node are meant to be in this process's memory, and to be gone when it ends: without a node,
   * `connect` then gives no warning at the first object that is changed here. Default false.
   */
  readonly inMemory?: boolean
}

/** What a host in this process keeps where nothing else is said. */
const KEPT_BYTES = 512 * 1024 ** 2
/** First contact: a site that does not answer in this time is said to be unreachable. */
const CONTACT_MS = 5000

const describeAt = (transport: Transport): Promise<SiteDescription> =>
  remoteOf(siteType, 'main', () => transport, { timeoutMs: CONTACT_MS }).describe()

/** The name that a node goes by, which references carry: asked of the node, since the short form gives none. */
const nameOf = async (role: 'node' | 'cloud', address: string): Promise<SiteName> => {
  const probe = grpcTransport(address, siteName(role))
  try {
    return siteName((await describeAt(probe)).name)
  } catch (error) {
    // What cannot be reached says so by itself.
    if (!isActiveStorageError(error) || error.code === 'unavailable' || error.code === 'invalid-argument') throw error
    throw failure(
      'unavailable',
      `the ${role} at ${address} does not answer (${error.text}): start it with "active-storage node", or correct the address`,
      error,
    )
  } finally {
    await probe.close()
  }
}

/** Learns what a site is and how far away, and warns where results could differ from this process's. */
const meet = async (site: Site, expected: string, onWarning: (message: string) => void): Promise<void> => {
  const { transport } = site
  const remote = remoteOf(siteType, 'main', () => transport, { timeoutMs: CONTACT_MS })
  const description = await remote.describe()
  if (description.name !== site.name)
    throw failure('invalid-argument', `the node at site "${site.name}" was started as --name ${description.name}: use that name in sites`)
  site.description = description
  // The first call opened the connection; this one shows the round trip.
  await remote.echo()
  if (description.fingerprint !== expected) {
    onWarning(
      `${site.name} may give results that differ in their last bits from this process: it has ${description.fingerprint}, here is ${expected}`,
    )
  }
}

/** The same site, which says once that what changes there does not last. */
const warningOnce = (local: Site, onWarning: (message: string) => void): Site => {
  let warned = false
  const warn = ({ kind, type, object }: Call) => {
    if (warned || kind !== 'stateful') return
    warned = true
    const unread = process.env['ACTIVE_STORAGE_NODE'] === undefined ? '' : ' (connect itself does not read ACTIVE_STORAGE_NODE)'
    onWarning(
      `${type}/${object} is in the memory of this process only, and gone when it ends: connect({ node: "HOST:PORT" })${unread} keeps objects on a node, which "active-storage node --data DIR" starts; connect({ inMemory: true }) says that this is meant`,
    )
  }
  const { transport } = local
  return {
    ...local,
    transport: {
      call: (call) => {
        warn(call)
        return transport.call(call)
      },
      stream: (call) => {
        warn(call)
        return transport.stream(call)
      },
      close: () => transport.close(),
    },
  }
}

interface OpenPolicy {
  current(): PolicyDocument
  close(): void
}

/** The policy's parser is loaded only where there is something to parse. */
const openPolicy = async (given: ConnectOptions['policy'], onWarning: (error: Error) => void): Promise<OpenPolicy> => {
  if (typeof given === 'string') return (await import('../policy/watch.ts')).watchPolicy(given, { onWarning })
  const fixed = given === undefined ? defaultPolicy : (await import('../policy/parse.ts')).parsePolicy(given.yaml, 'policy')
  return { current: () => fixed, close: () => undefined }
}

/**
 * Connects to storage nodes. Without any, everything runs in this process, and objects are in its memory only: the first
 * that is changed then gives a warning, unless `inMemory` says that this is meant.
 * @throws ActiveStorageError `unavailable`; `invalid-argument` for an unknown option, which names the nearest; `invalid-policy`
 */
export const connect = async (options: ConnectOptions = {}): Promise<Client> => {
  checkOptions(options)
  const { onWarning = (message) => process.emitWarning(message, 'ActiveStorageWarning'), timeoutMs } = options
  const resilience = timeoutMs === undefined ? {} : { timeoutMs }
  const policy = await openPolicy(options.policy, (error) => onWarning(error.message))

  const sites = new Map<SiteName, Site>()
  const peers = new Map<SiteName, Transport>()
  const add = (site: Site) => {
    if (sites.has(site.name))
      throw failure('invalid-argument', `two sites are named "${site.name}": start each node with a --name of its own`)
    sites.set(site.name, site)
    peers.set(site.name, site.transport)
  }
  const close = async () => {
    policy.close()
    await Promise.all([...sites.values()].map(({ transport }) => transport.close()))
  }
  try {
    const local = localSite(async () => {
      // Loaded when something first runs here: a client that only calls needs none of it.
      const { createLocalHost } = await import('../storage-node/local-host.ts')
      return createLocalHost({
        peers,
        ...(options.objects !== undefined && { objects: options.objects }),
        ...(options.threads !== undefined && { threads: options.threads }),
        ...(options.compute !== undefined && { compute: options.compute }),
        ...(options.cacheBytes !== undefined && { cacheBytes: options.cacheBytes }),
      })
    })
    const alone = options.node === undefined && options.cloud === undefined && Object.keys(options.sites ?? {}).length === 0
    sites.set(LOCAL, alone && options.inMemory !== true ? warningOnce(local, onWarning) : local)
    const short: [Role & ('node' | 'cloud'), string | undefined][] = [
      ['node', options.node],
      ['cloud', options.cloud],
    ]
    for (const [role, address] of short) if (address !== undefined) add(remoteSite(await nameOf(role, address), role, address, resilience))
    for (const [text, option] of Object.entries(options.sites ?? {})) {
      const name = siteName(text)
      add(
        'host' in option ? hostSite(name, option.role, option.host, resilience) : remoteSite(name, option.role, option.address, resilience),
      )
    }
    const { fingerprint } = await import('../storage-node/fingerprint.ts')
    const expected = fingerprint()
    await Promise.all(
      [...sites.values()]
        .filter(({ role }) => role !== 'local')
        .map(async (site) => {
          try {
            await meet(site, expected, onWarning)
          } catch (error) {
            if (!isActiveStorageError(error, 'unavailable') && !isActiveStorageError(error, 'deadline-exceeded')) throw error
            onWarning(`site ${site.name} does not answer yet: ${error.text}`)
          }
        }),
    )
    return createClient({
      sites,
      policy: createPolicy(policy.current),
      keptBytes: options.cacheBytes ?? KEPT_BYTES,
      timeoutMs,
      onClose: policy.close,
      onWarning,
    })
  } catch (error) {
    await close()
    throw error
  }
}
