import { monotonicNow } from '../core/clock.ts'
import type { Call, Transport } from '../core/transport.ts'

/** Ms that a call may take which brings no deadline: every call ends. */
export const DEFAULT_TIMEOUT_MS = 120_000

/** The call with a deadline: its own where it brings one, otherwise so many ms from now. */
export const endingWithin = (call: Call, timeoutMs: number, now: () => number = monotonicNow): Call =>
  call.context.deadline === undefined ? { ...call, context: { ...call.context, deadline: now() + timeoutMs } } : call

/**
 * Gives each call that brings no deadline one, once: the retries, fall-backs and moves that it goes through behind this
 * transport share it.
 */
export const timed = (inner: Transport, timeoutMs: number = DEFAULT_TIMEOUT_MS, now?: () => number): Transport => ({
  call: (call) => inner.call(endingWithin(call, timeoutMs, now)),
  stream: (call) => inner.stream(endingWithin(call, timeoutMs, now)),
  close: () => inner.close(),
})
