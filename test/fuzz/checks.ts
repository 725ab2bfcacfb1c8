import { status } from '@grpc/grpc-js'
import { bytesIn, isCancelled, isWhole, type Plan } from './plan.ts'
import type { Outcome } from './send.ts'

export const checks = [
  'exit',
  'hang',
  'canary',
  'memory',
  'in-flight',
  'descriptors',
  'reserved',
  'stderr',
  'internal',
  'method-threw',
  'untyped',
] as const
export type Check = (typeof checks)[number]

export interface Fault {
  readonly check: Check
  readonly says: string
  /** What was sent when it first came: one plan, or those that were under way. */
  readonly plans: readonly Plan[]
  /** Faults with the same are one: numbers and names may differ. */
  readonly cause: string
  /** How often it came. */
  times: number
}

const MOST_MESSAGE = 16 * 1024 ** 2

/** Statuses with which gRPC itself, below the service, may refuse a stream that is no right gRPC call. */
const below: readonly (number | undefined)[] = [
  undefined,
  status.CANCELLED,
  status.UNKNOWN,
  status.INTERNAL,
  status.UNIMPLEMENTED,
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
]

/** @param where keeps equal words from different places apart */
export const faultOf = (check: Check, says: string, plans: readonly Plan[], where = ''): Fault => ({
  check,
  says,
  plans,
  cause: `${check} ${where} ${says.replaceAll(/\d+|"[^"]*"/g, '#').slice(0, 100)}`,
  times: 1,
})

/** What is wrong with how one call ended. `busy`: other callers wait too. */
export const judge = (plan: Plan, { status: code, details, failure, late }: Outcome, busy: boolean): Fault | undefined => {
  const fault = (check: Check, says: string) => faultOf(check, says, [plan], failure?.method)
  if (failure !== undefined) {
    if (failure.code === 'internal' || failure.code === 'storage-failed')
      return fault('internal', `${failure.method}: [${failure.code}] ${failure.message}`)
    // The built-in methods have no errors of their own: what they throw is a check that is missing.
    if (failure.code === 'method-threw') return fault('method-threw', `${failure.method}: ${failure.message}`)
    return undefined
  }
  if (code === status.OK) return undefined
  if (isCancelled(plan) && (code === status.CANCELLED || plan.level === 'http2')) return undefined
  if (late) {
    // A client that never says that it is done is waited for.
    return isWhole(plan) && !busy ? fault('hang', `no answer within the deadline: ${details}`) : undefined
  }
  if (plan.level === 'http2' && below.includes(code)) return undefined
  if (code === status.RESOURCE_EXHAUSTED && bytesIn(plan) > MOST_MESSAGE) return undefined
  return fault('untyped', `status ${code ?? 'none'} without a failure: ${details}`)
}

/** What on the standard error output of a process tells of an error that nobody caught. */
export const uncaughtIn = (stderr: string): string | undefined => {
  const found = /uncaught|unhandled|^\s+at .+:\d+:\d+\)?$/im.exec(stderr)
  return found === null ? undefined : stderr.slice(Math.max(0, found.index - 300), found.index + 700)
}
