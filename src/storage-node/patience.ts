import { abortedBy } from '../core/errors.ts'

/** The promise's outcome, or the signal's error as soon as it fires; the work itself goes on for whoever else waits. */
export const patient = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = () => reject(abortedBy(signal))
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
