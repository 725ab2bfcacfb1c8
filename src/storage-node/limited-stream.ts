import { abortedBy } from '../core/errors.ts'

/** A method's stream as its reader has it. */
export interface LimitedStream<T> {
  readonly items: AsyncGenerator<T>
  /** The end of a method that was still at work when its stream was over; undefined where it has ended. */
  readonly rest: Promise<unknown> | undefined
}

/**
 * Ends a method's stream as soon as the signal fires, also while the method works on its next item: one that ignores its
 * signal cannot hold up its reader.
 * @throws as the signal says
 */
export const limitedStream = <T>(method: AsyncGenerator<T>, signal: AbortSignal): LimitedStream<T> => {
  let rest: Promise<unknown> | undefined
  async function* read(): AsyncGenerator<T> {
    let stop: (error: unknown) => void = () => undefined
    const abort = () => stop(abortedBy(signal))
    signal.addEventListener('abort', abort, { once: true })
    try {
      for (;;) {
        const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
          stop = reject
          // Also where the signal has fired meanwhile: the method then sees it, and ends in its own way.
          method.next().then(resolve, reject)
          if (signal.aborted) abort()
        })
        if (step.done === true) return
        yield step.value
      }
    } finally {
      signal.removeEventListener('abort', abort)
      const ended = method.return(undefined)
      if (signal.aborted) rest = ended.catch(() => undefined)
      else await ended
    }
  }
  return {
    items: read(),
    get rest() {
      return rest
    },
  }
}
