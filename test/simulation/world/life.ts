import type { Draws } from './draws.ts'
import type { Scheduled, Scheduler } from './scheduler.ts'

/** One simulated process, from its start to its end. Once it is dead, nothing that it began goes on. */
export interface Life {
  readonly name: string
  readonly alive: boolean
  readonly draws: Draws
  /** Milliseconds since the process began; only ever rises. */
  monotonic(): number
  /** Milliseconds since 1970, as the clock of its machine has it. */
  wall(): number
  /** Runs `act` after a while, unless the process is dead by then. */
  in(ms: number, label: string, act: () => void): Scheduled
  /** Resolves after a while; never where the process is dead by then. */
  pause(ms: number, label: string): Promise<void>
  end(): void
}

export const createLife = (name: string, scheduler: Scheduler, draws: Draws, wall: () => number): Life => {
  const began = scheduler.now
  let alive = true
  const life: Life = {
    name,
    draws,
    get alive() {
      return alive
    },
    monotonic: () => scheduler.now - began,
    wall,
    in: (ms, label, act) =>
      scheduler.in(ms, `${name} ${label}`, () => {
        if (alive) act()
      }),
    pause: (ms, label) => new Promise((resolve) => life.in(ms, label, resolve)),
    end: () => {
      alive = false
    },
  }
  return life
}
