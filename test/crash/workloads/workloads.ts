import type { MakeWorkload } from '../workload.ts'
import { adoptions } from './adoptions.ts'
import { aliases } from './aliases.ts'
import { blobs } from './blobs.ts'
import { counters } from './counters.ts'
import { ledgers } from './ledgers.ts'
import { lives } from './lives.ts'
import { logs } from './logs.ts'
import { moves } from './moves.ts'
import { demands, registers } from './registers.ts'
import { rivals } from './rivals.ts'
import { unkeyed } from './unkeyed.ts'
import { versions } from './versions.ts'

/** What a crash run can do, side by side, by name. */
export const workloads = {
  counters,
  logs,
  registers,
  demands,
  blobs,
  ledgers,
  lives,
  versions,
  aliases,
  moves,
  adoptions,
  unkeyed,
  rivals,
} as const satisfies Record<string, MakeWorkload>
export type WorkloadName = keyof typeof workloads
export const workloadNames = Object.keys(workloads) as WorkloadName[]
