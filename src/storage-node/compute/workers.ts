import type { Answer, Task } from './task.ts'

/** One task under way. */
export interface Work {
  /** @throws ActiveStorageError `worker-died`, `model-crashed`, `unavailable` */
  readonly answer: Promise<Answer>
  /** Nobody waits for the answer any more. */
  giveUp(): void
}

/** What ran and what ended badly, in compute processes. All are 0 for threads. */
export interface ProcessFigures {
  /** Processes there are now. */
  readonly processes: number
  /** Processes that took the place of one that had died or was ended in a run. */
  readonly restarts: number
  /** Runs in which the process died. */
  readonly crashes: number
  /** Processes that were ended, since a run had not ended in time. */
  readonly kills: number
  /** Memory of all processes that is their own. */
  readonly memoryBytes: number
  /** Models that are refused for now. */
  readonly quarantined: readonly Quarantined[]
}
export interface Quarantined {
  readonly hash: string
  readonly reason: string
  /** ISO 8601. */
  readonly until: string
}

/** Where tasks run: in processes, or in threads of this process. As many run at a time as are asked for. */
export interface Workers {
  readonly count: number
  /** Before anything is done for a model. @throws ActiveStorageError `model-quarantined` */
  check(hash: string): void
  run(task: Task): Work
  /** Ends those that do nothing, where that does no harm. @returns whether there were any */
  endIdle(): Promise<boolean>
  /** The host is about to stop: what still runs after `ms` fails with `unavailable`, as far as it can be ended. */
  hurry(ms: number): void
  /** Waits for what runs, if need be not for long, and ends all. What runs late fails with `unavailable`. */
  close(): Promise<void>
}
