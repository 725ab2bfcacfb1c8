import { abortedBy, type ActiveStorageError } from '../../core/errors.ts'

/** Places for work, given in the order in which they were asked for. */
export interface Slots {
  /** Waits for a place; call what it returns, once or more, to give it back. @throws the signal's error while waiting. */
  take(signal: AbortSignal): Promise<() => void>
  /** Everyone who waits, now or later, gets this error. */
  close(error: ActiveStorageError): void
  readonly waiting: number
}

interface Waiter {
  readonly enter: () => void
  readonly refuse: (error: ActiveStorageError) => void
}

/**
 * The queue before the workers. piscina has one of its own, but leaves it on abort only by a signal that also ends the
 * worker of a task that has begun, which must not happen: see pool.ts.
 */
export const createSlots = (count: number): Slots => {
  let free = count
  let closedBy: ActiveStorageError | undefined
  const waiters = new Set<Waiter>()

  const place = () => {
    let held = true
    return () => {
      if (!held) return
      held = false
      const [next] = waiters
      if (next === undefined) free++
      else next.enter()
    }
  }
  return {
    take(signal) {
      if (closedBy !== undefined) return Promise.reject(closedBy)
      if (signal.aborted) return Promise.reject(abortedBy(signal))
      if (free > 0) {
        free--
        return Promise.resolve(place())
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(waiter)
          signal.removeEventListener('abort', abort)
        }
        const waiter: Waiter = {
          enter: () => {
            leave()
            resolve(place())
          },
          refuse: (error) => {
            leave()
            reject(error)
          },
        }
        const abort = () => waiter.refuse(abortedBy(signal))
        signal.addEventListener('abort', abort, { once: true })
        waiters.add(waiter)
      })
    },
    close(error) {
      closedBy = error
      for (const waiter of [...waiters]) waiter.refuse(error)
    },
    get waiting() {
      return waiters.size
    },
  }
}
