import type { ObjectType } from '../core/define.ts'
import { LOCAL, type SiteName, siteName } from '../core/ids.ts'
import type { Transport } from '../core/transport.ts'
import { VERSION } from '../core/version.ts'
import { createAdmission, defaultAdmission } from './admission.ts'
import { builtIn } from './built-in.ts'
import { type ComputeKind, createCompute } from './compute/pool.ts'
import { contentCache } from './content/content-cache.ts'
import { memoryContent } from './content/memory-content.ts'
import { createResolver } from './content/resolver.ts'
import { fingerprint } from './fingerprint.ts'
import { createHost, type Host } from './host.ts'
import { openerFor } from './open-for-workers.ts'
import { memoryStore } from './store/memory-store.ts'

export interface LocalHostOptions {
  /** Sites that inputs are fetched from, by name. */
  readonly peers?: ReadonlyMap<SiteName, Transport>
  readonly objects?: readonly ObjectType[]
  /** Runs of models at a time. Default 2. */
  readonly threads?: number
  /** Whether models run in processes of their own, or in threads of this one. Default `process`. */
  readonly compute?: ComputeKind
  /** Bytes of fetched content to keep. Default 512 MiB: it is the user's own process. */
  readonly cacheBytes?: number
  /** Default `local`; tests give other names to hosts that stand for nodes. */
  readonly name?: string
}

/** A host without a port: the same calls, objects and stages as a storage node, in this process and its memory. */
export const createLocalHost = ({
  peers = new Map(),
  objects = [],
  threads = 2,
  compute: kind = 'process',
  cacheBytes = 512 * 1024 ** 2,
  name: given = LOCAL,
}: LocalHostOptions = {}): Host => {
  const name = siteName(given)
  const store = memoryStore()
  const contentStore = memoryContent()
  const resolver = createResolver({ site: name, store: contentStore, cache: contentCache(cacheBytes), peers })
  const compute = createCompute({ threads, kind, ...openerFor(contentStore, resolver) })
  const types = [...builtIn, ...objects]
  const host = createHost({
    description: {
      name,
      tier: 'local',
      version: VERSION,
      fingerprint: fingerprint(),
      peers: [...peers.keys()],
      types: types.map((type) => type.name),
    },
    types,
    store,
    content: contentStore,
    resolver,
    compute,
    // Its arguments are the user's own, in memory already.
    admission: createAdmission({ ...defaultAdmission, bytes: Infinity }),
    peers,
  })
  return {
    ...host,
    close: async () => {
      await host.close()
      await compute.close()
    },
  }
}
