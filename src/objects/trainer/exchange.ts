import { abortedBy, failure } from '../../core/errors.ts'

interface Expected {
  readonly what: string
  readonly step: number
  readonly work: (given: never) => Promise<unknown>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** How a job gets what it waits for in the middle of its work: from other calls. One thing is waited for at a time. */
export class Exchange {
  #expected: Expected | undefined
  #last: { readonly what: string; readonly step: number; readonly answer: Promise<unknown> } | undefined

  /** Waits until something is delivered, and what is done with it is done. @throws what the work throws; as the signal says */
  expect<T>(what: string, step: number, work: (given: T) => Promise<unknown>, signal: AbortSignal): Promise<void> {
    const stop = () => this.#expected?.reject(abortedBy(signal))
    const done = new Promise<void>((resolve, reject) => {
      this.#expected = { what, step, work, resolve, reject }
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
    }).finally(() => signal.removeEventListener('abort', stop))
    // Who waits may have left by then.
    done.catch(() => undefined)
    return done
  }

  /**
   * Brings what the job waits for. The same again is done once, since a call whose answer was lost is made again.
   * @throws `fenced` where the job waits for something else
   */
  async deliver<T, R>(what: string, step: number, given: T): Promise<R> {
    const last = this.#last
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same work has the same answer
    if (last?.what === what && last.step === step) return last.answer as Promise<R>
    const expected = this.#expected
    if (expected?.what !== what || expected.step !== step)
      throw failure('fenced', `the ${what} of step ${step} are not what the training waits for${expected === undefined ? '' : `, which is the ${expected.what} of step ${expected.step}`}`) // prettier-ignore
    this.#expected = undefined
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- who expects it and who delivers it agree on its name
    const answer = expected.work(given as never) as Promise<R>
    this.#last = { what, step, answer }
    answer.then(expected.resolve, expected.reject)
    return answer
  }
}
