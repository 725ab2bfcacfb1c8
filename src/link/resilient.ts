import { type Clock, systemClock } from '../core/clock.ts'
import { type ActiveStorageError, abortedBy, codes, failure, isActiveStorageError } from '../core/errors.ts'
import type { Call, Transport } from '../core/transport.ts'
import type { Breaker } from './breaker.ts'
import { DEFAULT_TIMEOUT_MS, endingWithin } from './timed.ts'

/** A clock of its own is for tests: `now` is the one that deadlines are told by. */
export interface ResilienceOptions extends Partial<Clock> {
  readonly breaker: Breaker
  /** Where to count the calls under way, each once however often it is tried. */
  readonly outstanding?: { count: number }
  /** Deadline of a call that brings none, in ms from its first try. Default 120,000: every call ends. */
  readonly timeoutMs?: number
  /** Tries of one call, the first included. Default 3. */
  readonly attempts?: number
  /** First pause between tries in ms, doubled each time, with full jitter. Default 50. */
  readonly baseMs?: number
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
  {
    breaker,
    outstanding = { count: 0 },
    timeoutMs = DEFAULT_TIMEOUT_MS,
    attempts = 3,
    baseMs = 50,
    now = systemClock.now,
    sleep = systemClock.sleep,
  }: ResilienceOptions,
): Transport => {
  let budget = BUDGET_MOST

  const guard = (call: Call) => {
    // Said of the call, not of the site: it has not been asked.
    if (now() >= (call.context.deadline ?? Infinity)) throw failure('deadline-exceeded', 'the time given to the call ran out')
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

  return {
    async call(given) {
      const call = endingWithin(given, timeoutMs, now)
      const until = call.context.deadline ?? Infinity
      budget = Math.min(BUDGET_MOST, budget + BUDGET_PER_CALL)
      outstanding.count++
      try {
        for (let tried = 1; ; tried++) {
          guard(call)
          try {
            const value = await inner.call(call)
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
            await sleep(wait, call.context.signal)
            if (call.context.signal?.aborted === true) throw abortedBy(call.context.signal)
          }
        }
      } finally {
        outstanding.count--
      }
    },
    // A stream is not repeated: its reader may have used what came before it broke.
    async *stream(given) {
      const call = endingWithin(given, timeoutMs, now)
      guard(call)
      outstanding.count++
      try {
        yield* inner.stream(call)
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
