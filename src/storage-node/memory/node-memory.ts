import { join } from 'node:path'
import { garbage, keepLittle } from './garbage.ts'
import { createMemoryKeeper, type MemoryKeeper } from './keeper.ts'
import { checkMemory, defaultMemory } from './limit.ts'
import { pageReleaser } from './mapped-pages.ts'
import { type Resident, resident } from './resident.ts'

const KIB = 1024
const MIB = 1024 ** 2

/** What a limit of memory means for the parts of a node. */
export interface MemoryPlan {
  readonly limit: number
  /** Fetched content that is kept. */
  readonly cacheBytes: number
  /** Arguments and results of calls under way. */
  readonly argumentBytes: number
  /** Arguments or result of one call that is alone. */
  readonly callBytes: number
  /** Calls under way. */
  readonly calls: number
  /** Connections that are open. */
  readonly connections: number
  /** Models that each compute worker keeps loaded. */
  readonly sessionBytes: number
  /** Changes on their way to the disk, from which on the next wait. */
  readonly pendingBytes: number
  /**
   * Pages of the store that stay mapped. Mapped or not they lie in the system's page cache, and to map them again costs
   * about a microsecond for 64 KiB: so few stay even where there is memory, and a node seems to hold what it does hold.
   */
  readonly mappedBytes: number
}

/** @throws `invalid-argument` for a limit below 64 MiB */
export const planMemory = (bytes: number = defaultMemory()): MemoryPlan => {
  const limit = checkMemory(bytes)
  return {
    limit,
    cacheBytes: Math.min(1024 * MIB, limit / 4),
    argumentBytes: (limit - 32 * MIB) / 2,
    callBytes: Math.max(limit / 2, limit - 512 * MIB),
    calls: Math.min(1024, Math.floor(limit / (256 * KIB))),
    connections: Math.min(4096, Math.max(128, Math.floor(limit / (512 * KIB)))),
    sessionBytes: Math.min(512 * MIB, limit / 4),
    pendingBytes: Math.min(64 * MIB, limit / 8),
    mappedBytes: Math.min(16 * MIB, limit / 8),
  }
}

/** What a node needs beyond what it has at rest to do anything at all: a smaller limit would have it always at its limit. */
const WORKING = 32 * MIB
/** Below this, what the process would keep for itself would keep for itself is worth more to the node than the time that it saves. */
const SMALL = 512 * MIB

/** To be called as early as can be, before what a node needs is loaded. @throws `invalid-argument` */
export const prepareMemory = async (bytes?: number): Promise<void> => {
  if (planMemory(bytes).limit < SMALL) await keepLittle()
}

export interface NodeMemoryOptions {
  readonly plan: MemoryPlan
  /** The node's folder of the store. */
  readonly store: string
  readonly shrinkCache: (bytes: number) => void
  readonly dropSessions: () => void
  /** Bytes of memory that other processes of the node have for themselves. */
  readonly elsewhere: () => number
  readonly busy: () => boolean
}

const withOthers = ({ total, mapped }: Resident, elsewhere: number): Resident => ({ total: total + elsewhere, mapped })

/** The keeper of a node, for a store that is open. It keeps nothing until it begins. */
export const keepMemory = async ({ plan, store, elsewhere, ...parts }: NodeMemoryOptions): Promise<MemoryKeeper> => {
  const releasePages = await pageReleaser(join(store, 'data.mdb'))
  return createMemoryKeeper({
    ...parts,
    limit: plan.limit,
    working: WORKING,
    mapped: plan.mappedBytes,
    resident: () => withOthers(resident(), elsewhere()),
    releasePages,
    garbage: await garbage(),
  })
}
