import type { Draws } from '../../src/core/random.ts'

/** The instant at which a node is killed. */
export type Kill =
  /** So long after its start, before it serves perhaps. */
  | { readonly when: 'start-up'; readonly afterMs: number }
  /** As soon as a caller has the first reply to a change. */
  | { readonly when: 'first-reply' }
  /** So long after a number of replies to changes. */
  | { readonly when: 'replies'; readonly count: number; readonly afterMs: number }
  /** So long after a number of calls of one workload began. */
  | { readonly when: 'asked'; readonly workload: string; readonly count: number; readonly afterMs: number }

/** @param startMs what a start has taken */
export const drawKill = (draws: Draws, workloads: readonly string[], startMs: number): Kill => {
  const choice = draws.below(10)
  if (choice < 2) return { when: 'start-up', afterMs: startMs * (0.3 + 0.7 * draws.uniform()) }
  if (choice === 2) return { when: 'first-reply' }
  if (choice < 7) return { when: 'replies', count: 1 + draws.below(200), afterMs: 3 * draws.uniform() }
  const workload = workloads[draws.below(workloads.length)]!
  return { when: 'asked', workload, count: 1 + draws.below(12), afterMs: 12 * draws.uniform() }
}

/** Fires once, when the calls that it is told of have come to a kill's instant. */
export interface Trigger {
  readonly fired: Promise<void>
  asked(workload: string): void
  replied(): void
}

export const createTrigger = (kill: Kill): Trigger => {
  let fire = () => undefined as void
  const fired = new Promise<void>((resolve) => (fire = resolve))
  let left = kill.when === 'first-reply' ? 1 : kill.when === 'start-up' ? 0 : kill.count
  const count = () => {
    left--
    if (left !== 0) return
    if (kill.when === 'first-reply' || kill.when === 'start-up') fire()
    else setTimeout(fire, kill.afterMs)
  }
  return {
    fired,
    asked(workload: string) {
      if (kill.when === 'asked' && kill.workload === workload) count()
    },
    replied() {
      if (kill.when === 'first-reply' || kill.when === 'replies') count()
    },
  }
}
