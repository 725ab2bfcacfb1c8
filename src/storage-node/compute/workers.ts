import type { Answer, Task } from './task.ts'

/** One task under way. */
export interface Work {
  /** @throws ActiveStorageError `worker-died`, `model-crashed`, `unavailable` */
  readonly answer: Promise<Answer>
  /** Nobody waits for the answer any more. */
  giveUp(): void
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
