import { setMaxListeners } from 'node:events'
import { monotonicNow } from '../../core/clock.ts'
import { abortedBy, failure } from '../../core/errors.ts'
import type { CallContext } from '../../core/transport.ts'

/** Most calls are over by then, and need no signal: making one takes longer than all else that a call does here. */
const SOON_MS = 10

/**
 * The life of one call: ends when it returns, when its caller gives up, or when its time is over. The signal is made
 * only when somebody asks for it: most calls are over before anyone could.
 */
export class CallScope {
  readonly #context: CallContext
  #controller: AbortController | undefined
  /** The caller was answered before the work was over. */
  cutShort = false
  #timer: NodeJS.Timeout | undefined
  #listening: NodeJS.Timeout | undefined
  #release: (() => void) | undefined

  constructor(context: CallContext) {
    this.#context = context
  }

  get #expired(): boolean {
    const { deadline } = this.#context
    return deadline !== undefined && monotonicNow() >= deadline
  }

  /** Milliseconds left to the call; undefined where no deadline was set. */
  get leftMs(): number | undefined {
    const { deadline } = this.#context
    return deadline === undefined ? undefined : Math.max(0, deadline - monotonicNow())
  }

  get aborted(): boolean {
    return (this.#context.aborted ?? this.#context.signal?.aborted ?? false) || this.#expired
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal
    const controller = (this.#controller = new AbortController())
    // One for each sample that is fetched now: no leak to be warned of.
    setMaxListeners(0, controller.signal)
    const caller = this.#context.signal
    const late = () => controller.abort(failure('deadline-exceeded', 'the time given to the call ran out'))
    if (caller?.aborted === true) controller.abort(abortedBy(caller))
    else if (this.#expired) late()
    else {
      if (caller !== undefined) {
        const stop = () => controller.abort(abortedBy(caller))
        caller.addEventListener('abort', stop, { once: true })
        this.#release = () => caller.removeEventListener('abort', stop)
      }
      // Timers take at most 2^31 - 1 ms; a deadline beyond that never comes.
      const left = this.leftMs ?? Infinity
      if (left <= 2 ** 31 - 1) this.#timer = setTimeout(late, left)
    }
    return controller.signal
  }

  /** The work's result, or the scope's error as soon as it ends: a method that ignores its signal cannot hold up its caller. */
  limit(work: unknown): Promise<unknown> {
    if (!(work instanceof Promise)) return Promise.resolve(work)
    if (this.#context.deadline === undefined && this.#context.signal === undefined) return work
    return new Promise((resolve, reject) => {
      const listen = () => {
        const { signal } = this
        const stop = () => {
          this.cutShort = true
          reject(abortedBy(signal))
        }
        if (signal.aborted) stop()
        else signal.addEventListener('abort', stop, { once: true })
      }
      if (this.#controller !== undefined || (this.leftMs ?? Infinity) <= SOON_MS) listen()
      else this.#listening = setTimeout(listen, SOON_MS)
      work.then(resolve, reject)
    })
  }

  end(): void {
    clearTimeout(this.#listening)
    clearTimeout(this.#timer)
    this.#release?.()
  }
}
