import type { CallOptions } from '../../src/core/remote.ts'
import type { Draws } from '../../src/core/random.ts'
import type { Client } from '../../src/sdk/client.ts'
import { type AnyEntry, type Clock, type Entry, type History, lineOf } from './history.ts'

/** What a history can prove wrong. */
export const findingKinds = ['lost', 'stale', 'torn', 'doubled', 'disordered', 'not-linearizable', 'undecided', 'refused', 'stuck'] as const
export type FindingKind = (typeof findingKinds)[number]

export interface Finding {
  readonly kind: FindingKind
  readonly object: string
  readonly what: string
  /** The calls that show it. */
  readonly history: readonly string[]
}

const SHOWN = 40

export const finding = (kind: FindingKind, object: string, what: string, entries: readonly AnyEntry[]): Finding => ({
  kind,
  object,
  what,
  history: entries.slice(-SHOWN).map(lineOf),
})

/** One call to be made, and made again where its outcome is unknown. */
export interface Act<Asked, Answer> {
  readonly history: History<Asked, Answer>
  readonly object: string
  readonly asked: Asked
  /** True where the call changes something: then it has an idempotency key, with which it is repeated. */
  readonly changes: boolean
  /** False for a change that is made without an idempotency key, and so never repeated. Default true. */
  readonly keyed?: false
  /**
   * What becomes of a call of unknown outcome. A change is repeated, but for a few that are left unknown for good; a read
   * is not. `must`: repeated until it is known. `once`: left unknown, since it cannot be given a key.
   */
  readonly repeat?: 'must' | 'once'
  readonly run: (client: Client, options: CallOptions) => Promise<Answer>
}

/** A caller: it makes one call at a time. */
export interface Session {
  readonly caller: number
  readonly draws: Draws
  /** Makes a call and gives its entry once nothing more can be learned of it. */
  perform<Asked, Answer>(act: Act<Asked, Answer>): Promise<Entry<Asked, Answer>>
}

/** What came of checking a workload's history. */
export interface Checked {
  readonly findings: readonly Finding[]
  readonly objects: number
  /** Histories found linearizable. */
  readonly linearizable: number
  /** Other figures, by their names: moves, adoptions. */
  readonly counts?: Readonly<Record<string, number>>
}

/** A backup holds the state of one moment between these two instants of the run's clock. */
export interface Moment {
  readonly began: number
  readonly ended: number
}
/** What is wrong with what was read, as the state of such a moment. */
export type Judge = (moment: Moment) => readonly Finding[]

/** Calls of one kind, and what their replies must satisfy. */
export interface Workload {
  readonly name: string
  /** Callers of each client that do this and nothing else. */
  readonly callers: number
  /** Nodes that it needs. Default 1. */
  readonly nodes?: number
  /** Makes the next call, or the next few that belong together. */
  step(session: Session): Promise<void>
  /** Reads every object, after the last restart. */
  audit(session: Session): Promise<void>
  /** Judges by the replies alone. */
  check(): Checked
  /** Reads the latest objects from a node that was restored from a backup of node `one`. */
  restored?(session: Session): Promise<Judge>
}
/** @param adopt folder whose files the nodes may adopt */
export type MakeWorkload = (clock: Clock, adopt: string) => Workload

/**
 * Names of objects, a few in use at a time. One that has had enough calls is left for a new one, which keeps every
 * history short enough to be checked.
 */
export const createNames = (kind: string, { atOnce, calls }: { readonly atOnce: number; readonly calls: number }) => {
  const slots = Array.from({ length: atOnce }, () => ({ generation: 1, calls: 0 }))
  const nameOf = (slot: number, generation: number) => `${kind}-${slot + 1}-${generation}`
  return {
    pick(draws: Draws): string {
      const index = draws.below(atOnce)
      const slot = slots[index]!
      if (++slot.calls > calls) {
        slot.calls = 1
        slot.generation++
      }
      return nameOf(index, slot.generation)
    },
    /** The names in use now, and those before them. */
    recent: (): string[] =>
      slots.flatMap(({ generation }, index) => [generation - 1, generation].flatMap((each) => (each > 0 ? [nameOf(index, each)] : []))),
    /** Every name that has been in use. */
    all: (): string[] =>
      slots.flatMap(({ generation }, index) => Array.from({ length: generation }, (_, before) => nameOf(index, before + 1))),
  }
}
