import type * as Ids from '../../src/core/ids.ts'
import type * as Remotes from '../../src/core/remote.ts'
import type * as Index from '../../src/index.ts'
import type * as Link from '../../src/link/grpc-transport.ts'
import type * as Stages from '../../src/objects/loader/batch-stages.ts'

const at = (path: string): string => new URL(`../../dist/${path}`, import.meta.url).href

// Typed as the sources they were built from. By a computed path, since there is no dist/ where types are checked.
export const builtIndex = (): Promise<typeof Index> => import(at('index.js'))
const builtLink = (): Promise<typeof Link> => import(at('link/grpc-transport.js'))
const builtRemotes = (): Promise<typeof Remotes> => import(at('core/remote.js'))
const builtIds = (): Promise<typeof Ids> => import(at('core/ids.js'))
/** The object type that loaders use, which the package does not export. */
export const builtStages = (): Promise<typeof Stages> => import(at('objects/loader/batch-stages.js'))

/** A transport without policy, retries or meters: the link alone. */
export const linkTo = async (address: string) => {
  const [{ grpcTransport }, { siteName }, { remoteOf }] = await Promise.all([builtLink(), builtIds(), builtRemotes()])
  return { transport: grpcTransport(address, siteName('node')), remoteOf }
}
