import type { Progress } from '../trainer/journal.ts'
import type { Ledger } from './ledger.ts'
import type { Seat } from './seat.ts'

export interface MemberProgress {
  readonly name: string
  /** `away`: it is tried again and again. `refused`: it cannot take part; `error` says why. */
  readonly state: 'away' | 'ready' | 'here' | 'refused'
  /** Samples of this epoch that have been counted, and those that it has. */
  readonly counted: number
  readonly samples: number
  readonly samplesPerSecond?: number
  readonly error?: string
  /** After an epoch: sha256 of its state, the same at all that were here. */
  readonly digest?: string
  /** After an epoch: it had come to other bits than the coordinator, and was given the coordinator's. */
  readonly drifted?: boolean
}
export interface ParallelProgress extends Progress {
  readonly members: readonly MemberProgress[]
  /** At the end of an epoch: samples that were not counted, since their member was away for longer than the plan waits. */
  readonly missed: number
}

/** @param whole at the end of an epoch */
export const membersOf = (seats: readonly Seat[], ledger: Ledger, whole: boolean): MemberProgress[] =>
  seats.map(({ name, state, speed, error, digest, drifted }) => {
    const { count, next } = ledger.of(name)
    return {
      name,
      state,
      counted: next,
      samples: count,
      ...(speed !== undefined && { samplesPerSecond: speed }),
      ...(error !== undefined && { error }),
      ...(whole && state === 'here' && digest !== undefined && { digest }),
      ...(whole && drifted && { drifted }),
    }
  })
