// The product as each simulated process has it: built and loaded by build.ts, never imported by the simulation itself.
import { siteName, type SiteName } from '../../../src/core/ids.ts'
import type { Compute } from '../../../src/core/self.ts'
import type { ObjectType } from '../../../src/core/define.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { failure } from '../../../src/core/errors.ts'
import { createBreaker } from '../../../src/link/breaker.ts'
import { createFollowing } from '../../../src/link/following.ts'
import { resilient } from '../../../src/link/resilient.ts'
import { content } from '../../../src/objects/content.ts'
import { directory } from '../../../src/objects/directory.ts'
import { site } from '../../../src/objects/site.ts'
import { createAdmission, defaultAdmission } from '../../../src/storage-node/admission.ts'
import { createBackups } from '../../../src/storage-node/backup/backup.ts'
import { keptContent } from '../../../src/storage-node/backup/kept-content.ts'
import { contentCache } from '../../../src/storage-node/content/content-cache.ts'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { createResolver } from '../../../src/storage-node/content/resolver.ts'
import { createHost, type Host, type HostOptions } from '../../../src/storage-node/host.ts'
import { checkFormat } from '../../../src/storage-node/store/format.ts'
import type { Store } from '../../../src/storage-node/store/store.ts'
import { checkContent } from '../../../src/storage-node/verify/content-check.ts'
import { findings } from '../../../src/storage-node/verify/findings.ts'
import { checkNotes } from '../../../src/storage-node/verify/notes-check.ts'
import { checkObjects } from '../../../src/storage-node/verify/objects-check.ts'

export { newCallId } from '../../../src/core/ids.ts'
export { withCall } from '../../../src/core/remote.ts'

export interface StartOptions {
  readonly name: string
  readonly types: readonly ObjectType[]
  readonly store: Store & { backup(toFolder: string): Promise<void> }
  readonly links: ReadonlyMap<string, Transport>
  /** Calls that the host takes on at once. */
  readonly calls: number
  readonly pendingBytes: number
}

const FOLDER = '/data/content'
const unused = () => Promise.reject(failure('unsupported', 'this simulation runs no models'))
const noCompute: Compute & Pick<HostOptions['compute'], 'stats' | 'dropSessions'> = {
  inspect: unused,
  run: unused,
  train: unused,
  stats: () => ({ workers: 0 }),
  dropSessions: () => Promise.resolve(),
}

/** Retries, deadlines and breaker around each link, as the node and the client have them. */
const waysOver = (links: ReadonlyMap<string, Transport>): Map<SiteName, Transport> =>
  new Map(Array.from(links, ([name, link]) => [siteName(name), resilient(link, { breaker: createBreaker() })]))

/** What `createStorageNode` does, less what needs a file, a port or a thread. */
export const startHost = async ({ name, types, store, links, calls, pendingBytes }: StartOptions): Promise<Host> => {
  await checkFormat(store, '/data')
  const kept = keptContent(folderContent(FOLDER, store, ['/adopt']))
  const peers = waysOver(links)
  const all = [content, site, directory, ...types]
  return createHost({
    description: {
      name: siteName(name),
      tier: 'edge',
      version: '0',
      fingerprint: '',
      peers: [...peers.keys()],
      types: all.map((type) => type.name),
    },
    types: all,
    store,
    content: kept.content,
    resolver: createResolver({ site: siteName(name), store: kept.content, cache: contentCache(64 * 1024), peers }),
    compute: noCompute,
    admission: createAdmission({ ...defaultAdmission, calls }),
    peers,
    pendingBytes,
    backup: createBackups({ site: name, store, folder: FOLDER, content: kept, allowed: ['/backups'] }),
  })
}

/** The way to objects, beginning at each site. */
export const openClient = (links: ReadonlyMap<string, Transport>): ((home: string) => Transport) => {
  const ways = waysOver(links)
  const following = createFollowing((name) => ways.get(name))
  const from = new Map(Array.from(ways, ([name, way]) => [String(name), following.from(way)]))
  return (home) => from.get(home)!
}

/** What `active-storage verify` finds in a store and the content beside it. */
export const verify = async (name: string, store: Store, folder = FOLDER): Promise<readonly string[]> => {
  const counts = { objects: 0, entries: 0, results: 0, references: 0, contents: 0, contentBytes: 0, adopted: 0 }
  const { list, add } = findings()
  const verification = { store, content: folderContent(folder, store, []), name, counts, found: add, tell: () => undefined }
  await checkObjects(verification)
  await checkNotes(verification)
  await checkContent(verification)
  return list.map(({ kind, place, what }) => `${kind}: ${place}: ${what}`)
}
