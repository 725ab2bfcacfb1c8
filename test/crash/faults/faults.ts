import type { Draws } from '../../../src/core/random.ts'
import { backUp, collect } from './chores.ts'
import { type Fault, type FaultContext, lasting, lengthOf } from './fault.ts'
import type { LinkState } from './links.ts'
import { failDisk, fillDisk, stopNode, takeDescriptors } from './processes.ts'

/** What befalls nodes and links beside the kills, and what their operators have done meanwhile. */
export const faultKinds = ['stop', 'cut', 'stall', 'swallow', 'disk', 'full', 'descriptors', 'collect', 'backup'] as const
export type FaultKind = (typeof faultKinds)[number]

const onLink =
  (state: LinkState): Fault =>
  async (context, signal) => {
    const { cluster, draws } = context
    const link = cluster.links[draws.below(cluster.links.length)]!
    const directions = ([['up'], ['down'], ['up', 'down']] as const)[draws.below(3)]!
    link.set(state, directions)
    try {
      await lasting(lengthOf(context, state !== 'cut'), signal)
    } finally {
      link.heal()
    }
    return true
  }

export const faults: Readonly<Record<FaultKind, Fault>> = {
  stop: stopNode,
  cut: onLink('cut'),
  stall: onLink('stalled'),
  swallow: onLink('swallowing'),
  disk: failDisk,
  full: fillDisk,
  descriptors: takeDescriptors,
  collect,
  backup: backUp,
}

const isTrouble = (kind: FaultKind) => kind !== 'collect' && kind !== 'backup'

/** What befalls one life: up to two faults, and one of an operator's commands or none. @param kinds default all */
export const drawFaults = (draws: Draws, kinds: readonly FaultKind[] = faultKinds): readonly FaultKind[] => {
  const some = (of: readonly FaultKind[], most: number) =>
    of.length === 0 ? [] : Array.from({ length: draws.below(most + 1) }, () => of[draws.below(of.length)]!)
  const commands = kinds.filter((kind) => !isTrouble(kind))
  return [...new Set([...some(kinds.filter(isTrouble), 2), ...some(commands, 1)])]
}

/** Begins faults that last until they end by themselves, or are ended. @param counts is told of those that took place */
export const befall = (kinds: readonly FaultKind[], context: FaultContext, counts: Record<FaultKind, number>) => {
  const controller = new AbortController()
  const one = async (kind: FaultKind) => {
    const end = isTrouble(kind) ? context.trouble.begin() : () => undefined
    try {
      if (await faults[kind](context, controller.signal)) counts[kind]++
    } finally {
      end()
    }
  }
  const done = Promise.all(kinds.map(one))
  done.catch(() => undefined)
  return {
    done,
    async end() {
      controller.abort()
      await done
    },
  }
}
