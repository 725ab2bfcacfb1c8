import { setTimeout as pause } from 'node:timers/promises'
import { type ActiveStorageError, abortedBy, codes, failure, isActiveStorageError } from '../core/errors.ts'
import type { Call, Transport } from '../core/transport.ts'
import type { Breaker } from './breaker.ts'

export interface ResilienceOptions {
  readonly breaker: Breaker
  /** Deadline of a call that brings none, in ms. Default 120,000: every call ends. */
  readonly timeoutMs?: number
  /** Tries of one call, the first included. Default 3. */
  readonly attempts?: number
  /** First pause between tries in ms, doubled each time, with full jitter. Default 50. */
  readonly baseMs?: number
}

/** Repeats allowed per call made: a site in trouble gets at most a tenth more load from retries. */
const BUDGET_PER_CALL = 0.1
const BUDGET_MOST = 10

/**
 * True where the same call may be made again after `error`: the code must say that it could go better, and either
 * nothing can have begun, or beginning twice does no harm.
 */
export const repeatable = (call: Call, error: ActiveStorageError): boolean => {
  const { retry } = codes[error.code]
  if (retry === 'never') return false
  return (
    error.code === 'overloaded' || error.code === 'missing-inputs' || call.kind !== 'stateful' || call.context.idempotencyKey !== undefined
  )
}

/** Adds a deadline to every call, tries again where that is safe, and stops trying a site that does not answer. */
export const resilient = (inner: Transport, { breaker, timeoutMs = 120_000, attempts = 3, baseMs = 50 }: ResilienceOptions): Transport => {
  let budget = BUDGET_MOST

  const guard = (call: Call) => {
    if (breaker.allows()) return
    throw failure(
      'unavailable',
      `${call.type}/${call.object}.${call.method}: the site has not answered lately; it is tried again by itself`,
    )
  }
  const learn = (error: unknown) => {
    // Only silence counts against a site. An error that it sends shows that it lives.
    if (isActiveStorageError(error, 'unavailable') || isActiveStorageError(error, 'deadline-exceeded')) breaker.failed()
    else if (!isActiveStorageError(error, 'cancelled')) breaker.succeeded()
  }
  const within = (call: Call, until: number): Call => ({
    ...call,
    context: { ...call.context, budgetMs: Math.max(0, until - performance.now()) },
  })

  return {
    async call(call) {
      const until = performance.now() + (call.context.budgetMs ?? timeoutMs)
      budget = Math.min(BUDGET_MOST, budget + BUDGET_PER_CALL)
      for (let tried = 1; ; tried++) {
        guard(call)
        try {
          // Most calls are tried once: the budget that they brought need not be worked out again.
          const value = await inner.call(tried === 1 && call.context.budgetMs !== undefined ? call : within(call, until))
          breaker.succeeded()
          return value
        } catch (error) {
          learn(error)
          // Missing inputs come again until somebody supplies them, which is for the layer that holds the data.
          if (!isActiveStorageError(error) || error.code === 'missing-inputs' || tried >= attempts || !repeatable(call, error)) throw error
          const wait = Math.max(
            Math.random() * baseMs * 2 ** tried,
            isActiveStorageError(error, 'overloaded') ? error.details.retryAfterMs : 0,
          )
          if (budget < 1 || !breaker.up || performance.now() + wait >= until) throw error
          budget--
          await pause(wait, undefined, { signal: call.context.signal, ref: true }).catch(() => undefined)
          if (call.context.signal?.aborted === true) throw abortedBy(call.context.signal)
        }
      }
    },
    // A stream is not repeated: its reader may have used what came before it broke.
    async *stream(call) {
      guard(call)
      try {
        yield* inner.stream(within(call, performance.now() + (call.context.budgetMs ?? timeoutMs)))
        breaker.succeeded()
      } catch (error) {
        learn(error)
        throw error
      }
    },
    close: () => inner.close(),
  }
}
