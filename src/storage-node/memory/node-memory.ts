import { join } from 'node:path'
import { garbageCollector } from './garbage.ts'
import { createMemoryKeeper, type MemoryKeeper } from './keeper.ts'
import { checkMemory, defaultMemory } from './limit.ts'
import { pageReleaser } from './mapped-pages.ts'
import { resident } from './resident.ts'

const MIB = 1024 ** 2

/** What a limit of memory means for the parts of a node. */
export interface MemoryPlan {
  readonly limit: number
  /** Fetched content that is kept. */
  readonly cacheBytes: number
  /** Arguments of calls under way. */
  readonly argumentBytes: number
  /** Changes on their way to the disk. */
  readonly pendingBytes: number
  /** Pages of the store that stay mapped. */
  readonly mappedBytes: number
}

/** @throws `invalid-argument` for a limit below 64 MiB */
export const planMemory = (bytes: number = defaultMemory()): MemoryPlan => {
  const limit = checkMemory(bytes)
  return {
    limit,
    cacheBytes: Math.min(1024 * MIB, limit / 4),
    argumentBytes: Math.min(2048 * MIB, limit / 2),
    pendingBytes: Math.min(64 * MIB, limit / 8),
    mappedBytes: MAPPED,
  }
}

/**
 * The store's pages lie in the system's page cache, mapped or not: mapping them again costs about a microsecond for 64 KiB.
 * So few stay mapped even where there is memory, and what a node seems to hold is what it does hold.
 */
const MAPPED = 16 * MIB
/** What a node needs beyond what it has at rest to do anything at all: a smaller limit would have it always at its limit. */
const WORKING = 24 * MIB

export interface NodeMemoryOptions {
  readonly plan: MemoryPlan
  /** The node's folder of the store. */
  readonly store: string
  readonly shrinkCache: (bytes: number) => number
  readonly dropSessions: () => void
  readonly busy: () => boolean
}

/** The keeper of a node that is about to serve: what it has now is what it has at rest. */
export const keepMemory = async ({ plan, store, ...parts }: NodeMemoryOptions): Promise<MemoryKeeper> => {
  const releasePages = await pageReleaser(join(store, 'data.mdb'))
  const collect = await garbageCollector()
  return createMemoryKeeper({
    ...parts,
    limit: Math.max(plan.limit, resident().total + WORKING),
    mapped: plan.mappedBytes,
    resident,
    releasePages,
    collect,
  })
}
