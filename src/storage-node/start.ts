import type { Host } from './host.ts'
import type { LocalHostOptions } from './local-host.ts'
import type { StorageNode, StorageNodeOptions } from './node.ts'

/**
 * Starts a storage node in this process.
 * @throws ActiveStorageError `folder-in-use`, `address-in-use`, `permission-denied`, `invalid-argument`, `storage-failed`
 */
export const createStorageNode = async (options: StorageNodeOptions): Promise<StorageNode> =>
  // Loaded here, so that a program which only calls nodes holds nothing of a node.
  (await import('./node.ts')).createStorageNode(options)

/** A storage node without a port, in memory: for tests, with the same types. Give it a `name` of its own. */
export const inProcessNode = async (options: LocalHostOptions): Promise<Host> => (await import('./local-host.ts')).createLocalHost(options)
