import type { Draws } from '../../../src/core/random.ts'
import type { Cluster, NodeName } from '../cluster.ts'
import type { Clock } from '../history.ts'
import type { Finding, Moment } from '../workload.ts'
import type { SmallDisk } from './small-disk.ts'
import type { Trouble } from './trouble.ts'

/** A backup of which the node said that it is there, or whose folder is there. */
export interface MadeBackup extends Moment {
  readonly node: NodeName
  readonly folder: string
}

export interface FaultContext {
  readonly cluster: Pick<Cluster, 'pid' | 'address' | 'links'>
  readonly nodes: readonly NodeName[]
  readonly draws: Draws
  readonly clock: Clock
  readonly trouble: Trouble
  /** Of one of the nodes; undefined where none can be mounted. */
  readonly disk: SmallDisk | undefined
  /** Folder for backups. */
  readonly backups: string
  /** The longest of a fault's usual time, in ms. */
  readonly longestMs: number
  onBackup(backup: MadeBackup): void
  onFinding(finding: Finding): void
}

/** Runs until it has ended by itself, or is told to end at once. @returns whether it took place */
export type Fault = (context: FaultContext, signal: AbortSignal) => Promise<boolean>

/** One fault in so many lasts longer than the keepalives of gRPC connections: 30 s and 20 s more. */
const LONG = 25
const LONG_MS = 55_000
const SHORTEST_MS = 500

/** How long a fault lasts: longer than most deadlines of the callers, or shorter. */
export const lengthOf = ({ draws, longestMs }: FaultContext, mayBeLong = false): number =>
  mayBeLong && draws.below(LONG) === 0 ? LONG_MS : SHORTEST_MS + (longestMs - SHORTEST_MS) * draws.uniform()

/** Resolves after a while, or when told to end. */
export const lasting = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })

export const nodeFor = ({ draws, nodes }: FaultContext): NodeName => nodes[draws.below(2) === 0 ? 0 : draws.below(nodes.length)]!
