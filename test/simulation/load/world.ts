import { type Code, isActiveStorageError } from '../../../src/core/errors.ts'
import type { MethodKind } from '../../../src/core/define.ts'
import { objectId, typeName } from '../../../src/core/ids.ts'
import type { Call, CallContext } from '../../../src/core/transport.ts'
import type { Value } from '../../../src/core/value.ts'
import type { Draws } from '../world/draws.ts'
import type { Caller, Machine } from '../world/machine.ts'
import type { Network } from '../world/network.ts'
import type { Scheduler } from '../world/scheduler.ts'
import type { Model } from './model.ts'

/** A log as callers know it: by its name, and the site where it began. */
export interface Target {
  readonly name: string
  readonly home: string
  /** Another site began with a log of the same name. */
  readonly twin: boolean
}

/** What all parts of a run share. */
export interface World {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly network: Network
  readonly machines: ReadonlyMap<string, Machine>
  readonly callers: readonly Caller[]
  readonly targets: readonly Target[]
  readonly model: Model
  /** Whether logs of one name move anywhere, and not only to the last site, where they stay. */
  readonly roaming: boolean
  /** How often what has happened, by name. */
  readonly counts: Map<string, number>
  /** Set when no more load is to begin. */
  over: boolean
}

/** Whether the name of a log, at the site where it began, may come to mean another log. */
export const isAmbiguous = ({ roaming }: World, { twin }: Target): boolean => roaming && twin

export const count = ({ counts }: World, what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1)

export type Options = Partial<Pick<CallContext, 'idempotencyKey' | 'budgetMs' | 'durability' | 'expectedVersion' | 'signal'>>

/** A call of a method, as a stub would make it. */
export const callOf = (
  caller: Caller,
  [type, object, method]: readonly [string, string, string],
  kind: MethodKind,
  args: readonly Value[],
  options: Options = {},
): Call => ({
  type: typeName(type),
  object: objectId(object),
  method,
  kind,
  args,
  context: { callId: caller.newCallId(), chain: [], budgetMs: 20_000, ...options },
})

/** Codes that any call may end with while there are faults. */
const FAULTS: ReadonlySet<Code> = new Set([
  'unavailable',
  'deadline-exceeded',
  'cancelled',
  'overloaded',
  'resource-exhausted',
  'read-only',
  'storage-failed',
])
/** Codes which say that the call itself has changed nothing, where it was made once. */
const NOTHING_DONE: ReadonlySet<Code> = new Set([
  'overloaded',
  'read-only',
  'storage-failed',
  'method-threw',
  'call-cycle',
  'version-mismatch',
])

export const changedNothing = (code: Code): boolean => NOTHING_DONE.has(code)

/** The code of an error, which has to be one that the contract allows here. */
export const codeOf = (world: World, what: string, error: unknown, also: readonly Code[] = []): Code => {
  if (!isActiveStorageError(error)) {
    world.model.find(
      `${what} threw what is no error of the product: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    )
    return 'internal'
  }
  if (!FAULTS.has(error.code) && !also.includes(error.code)) world.model.find(`unexpected answer: ${what}: ${error.message}`)
  count(world, `answer ${error.code}`)
  return error.code
}

/** One of the callers of the load: what it asks for is drawn. */
export interface Hand {
  readonly world: World
  readonly name: string
  readonly caller: Caller
  readonly draws: Draws
  newEntry(): string
}

export const createHand = (world: World, name: string, caller: Caller, draws: Draws): Hand => {
  let entries = 0
  return { world, name, caller, draws, newEntry: () => `${name}.${++entries}` }
}

export const pause = ({ world, name }: Hand, ms: number): Promise<void> => world.scheduler.pause(ms, `${name} waits`)
