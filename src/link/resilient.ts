import { setTimeout as pause } from 'node:timers/promises'
import { type ActiveStorageError, abortedBy, codes, failure, isActiveStorageError } from '../core/errors.ts'
import type { Call, Transport } from '../core/transport.ts'
import type { Breaker } from './breaker.ts'

export interface ResilienceOptions {
  readonly breaker: Breaker
  /** Where to count the calls under way, each once however often it is tried. */
  readonly outstanding?: { count: number }
  /** Deadline of a call that brings none, in ms. Default 120,000: every call ends. */
  readonly timeoutMs?: number
  /** Tries of one call, the first included. Default 3. */
  readonly attempts?: number
  /** First pause between tries in ms, doubled each time, with full jitter. Default 50. */
  readonly baseMs?: number
  readonly now?: () => number
}

/** Repeats allowed per call made: a site in trouble gets at most a tenth more load from retries. */
const BUDGET_PER_CALL = 0.1
const BUDGET_MOST = 10
/** Calls that run out of time count against a site once it has been silent for so long. */
const SILENCE_MS = 1000

/**
 * True where the same call may be made again after `error`: the code must say that it could go better, and either
 * nothing can have begun (`overloaded` is given at the door alone), or beginning twice does no harm.
 */
export const repeatable = (call: Call, error: ActiveStorageError): boolean => {
  const { retry } = codes[error.code]
  if (retry === 'never') return false
  return (
    error.code === 'overloaded' || error.code === 'missing-inputs' || call.kind !== 'stateful' || call.context.idempotencyKey !== undefined
  )
}

/** Adds a deadline to every call, tries again where that is safe, and stops trying a site that does not answer. */
export const resilient = (
  inner: Transport,
  { breaker, outstanding = { count: 0 }, timeoutMs = 120_000, attempts = 3, baseMs = 50, now = () => performance.now() }: ResilienceOptions,
): Transport => {
  let budget = BUDGET_MOST

  const guard = (call: Call) => {
    if (breaker.allows()) return
    throw failure(
      'unavailable',
      `${call.type}/${call.object}.${call.method}: the site has not answered lately; it is tried again by itself`,
    )
  }
  let silentSince: number | undefined
  const answered = () => {
    silentSince = undefined
    breaker.succeeded()
  }
  const learn = (error: unknown) => {
    if (isActiveStorageError(error, 'cancelled')) return
    const late = isActiveStorageError(error, 'deadline-exceeded')
    // Only silence counts against a site. An error that it sends shows that it lives.
    if (!late && !isActiveStorageError(error, 'unavailable')) return answered()
    silentSince ??= now()
    // A few calls with hardly any time each say nothing of the site.
    if (!late || now() - silentSince >= SILENCE_MS) breaker.failed()
  }
  const within = (call: Call, until: number): Call => ({
    ...call,
    context: { ...call.context, budgetMs: Math.max(0, until - now()) },
  })

  return {
    async call(call) {
      const until = now() + (call.context.budgetMs ?? timeoutMs)
      budget = Math.min(BUDGET_MOST, budget + BUDGET_PER_CALL)
      outstanding.count++
      try {
        for (let tried = 1; ; tried++) {
          guard(call)
          try {
            // Most calls are tried once: the budget that they brought need not be worked out again.
            const value = await inner.call(tried === 1 && call.context.budgetMs !== undefined ? call : within(call, until))
            answered()
            return value
          } catch (error) {
            learn(error)
            // Missing inputs come again until somebody supplies them, which is for the layer that holds the data.
            if (!isActiveStorageError(error) || error.code === 'missing-inputs' || tried >= attempts || !repeatable(call, error))
              throw error
            const least =
              isActiveStorageError(error, 'overloaded') || isActiveStorageError(error, 'resource-exhausted')
                ? error.details.retryAfterMs
                : 0
            const wait = Math.max(Math.random() * baseMs * 2 ** tried, least)
            if (budget < 1 || !breaker.up || now() + wait >= until) throw error
            budget--
            await pause(wait, undefined, { signal: call.context.signal, ref: true }).catch(() => undefined)
            if (call.context.signal?.aborted === true) throw abortedBy(call.context.signal)
          }
        }
      } finally {
        outstanding.count--
      }
    },
    // A stream is not repeated: its reader may have used what came before it broke.
    async *stream(call) {
      guard(call)
      outstanding.count++
      try {
        yield* inner.stream(within(call, now() + (call.context.budgetMs ?? timeoutMs)))
        answered()
      } catch (error) {
        learn(error)
        throw error
      } finally {
        outstanding.count--
      }
    },
    close: () => inner.close(),
  }
}
