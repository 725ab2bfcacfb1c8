import type { ObjectType } from '../../src/core/define.ts'
import { type SiteName, siteName } from '../../src/core/ids.ts'
import type { Transport } from '../../src/core/transport.ts'
import { createAdmission, defaultAdmission } from '../../src/storage-node/admission.ts'
import { builtIn } from '../../src/storage-node/built-in.ts'
import { createCompute } from '../../src/storage-node/compute/pool.ts'
import { contentCache } from '../../src/storage-node/content/content-cache.ts'
import { memoryContent } from '../../src/storage-node/content/memory-content.ts'
import { createResolver } from '../../src/storage-node/content/resolver.ts'
import { createHost, type Host, type HostOptions } from '../../src/storage-node/host.ts'
import { openerFor } from '../../src/storage-node/open-for-workers.ts'
import type { Store } from '../../src/storage-node/store/store.ts'

/** A host over a store of the test's own. */
export const createHostOver = (
  store: Store,
  objects: readonly ObjectType[],
  peers: ReadonlyMap<SiteName, Transport> = new Map(),
  name = 'here',
  more: Partial<Pick<HostOptions, 'content' | 'snapshotMs'>> = {},
): Host => {
  const site = siteName(name)
  const { content = memoryContent() } = more
  const resolver = createResolver({ site, store: content, cache: contentCache(1024 ** 2), peers })
  const compute = createCompute({ threads: 1, ...openerFor(content, resolver) })
  const types = [...builtIn, ...objects]
  return createHost({
    description: {
      name: site,
      tier: 'edge',
      version: '0',
      fingerprint: '',
      peers: [...peers.keys()],
      types: types.map((type) => type.name),
    },
    types,
    store,
    content,
    resolver,
    compute,
    admission: createAdmission(defaultAdmission),
    peers,
    ...more,
  })
}
