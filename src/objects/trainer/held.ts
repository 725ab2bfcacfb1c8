import { randomUUID } from 'node:crypto'
import { failure } from '../../core/errors.ts'

/** Calls `run` after so many ms. @returns what calls it off */
export type After = (ms: number, run: () => void) => () => void

// A lease keeps no process alive.
const timer: After = (ms, run) => {
  const handle = setTimeout(run, ms).unref()
  return () => clearTimeout(handle)
}

export interface HeldOptions {
  /** How long one is kept that nobody uses, in ms. Default 60,000. */
  readonly idleMs?: number
  /** Default: a timer. */
  readonly after?: After
}
interface Lease<T> {
  readonly owner: string
  readonly key: string
  readonly value: T
  /** Uses that have not come to their end. */
  busy: number
  /** The last use, as the next waits for it. */
  last: Promise<unknown>
  /** The turn that was used last, and what came of it. */
  turn: { readonly number: number; readonly result: Promise<unknown> } | undefined
  callOff: () => void
}

/**
 * Things that a host holds open, in memory, for somebody elsewhere: models in training, each in a thread of its own. Each use
 * renews the lease. Where none comes for a while, since whoever opened it is gone, it is closed; so it is where the same
 * opener opens another one. One use runs at a time, in the order in which they came.
 */
export class Held<T extends { close(): Promise<void> }> {
  readonly #idleMs: number
  readonly #after: After
  readonly #leases = new Map<string, Lease<T>>()
  /** The last to open under a key. */
  readonly #opening = new Map<string, object>()

  constructor({ idleMs = 60_000, after = timer }: HeldOptions = {}) {
    this.#idleMs = idleMs
    this.#after = after
  }

  get count(): number {
    return this.#leases.size
  }

  /**
   * @param owner the object that opens it, with its site: a session is that object's alone
   * @param key who it is opened for: what was open under the same key is closed first
   * @returns the session, by which it is used
   * @throws what `make` throws; `fenced` where it was opened again meanwhile
   */
  async open(owner: string, key: string, make: () => Promise<T>): Promise<string> {
    const place = `${owner} ${key}`
    const mine = {}
    this.#opening.set(place, mine)
    try {
      for (const [session, lease] of [...this.#leases]) if (lease.owner === owner && lease.key === key) await this.#end(session, lease)
      const value = await make()
      if (this.#opening.get(place) !== mine) {
        await value.close()
        throw failure('fenced', `"${key}" was opened again meanwhile: the later one counts`)
      }
      const session = randomUUID()
      const lease: Lease<T> = { owner, key, value, busy: 0, last: Promise.resolve(), turn: undefined, callOff: () => undefined }
      this.#leases.set(session, lease)
      this.#rest(session, lease)
      return session
    } finally {
      if (this.#opening.get(place) === mine) this.#opening.delete(place)
    }
  }

  /**
   * Does something with what is open, after all that was asked before.
   * @param turn a number that rises from use to use: one that comes twice is done once, and has the same result both times,
   * so that a call whose answer was lost may be repeated
   * @throws `session-ended` where it is not open; `fenced` for a turn before the last
   */
  async use<R>(owner: string, session: string, work: (value: T) => Promise<R>, turn?: number): Promise<R> {
    const lease = this.#leases.get(session)
    if (lease === undefined || lease.owner !== owner) throw ended(session)
    if (turn !== undefined && lease.turn !== undefined) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same turn asks for the same work
      if (turn === lease.turn.number) return lease.turn.result as Promise<R>
      if (turn < lease.turn.number) throw failure('fenced', `turn ${turn} of session ${session} is over: turn ${lease.turn.number} has begun since`) // prettier-ignore
    }
    lease.busy++
    lease.callOff()
    const result = lease.last.then(() => work(lease.value))
    lease.last = result.then(
      () => undefined,
      () => undefined,
    )
    if (turn !== undefined) lease.turn = { number: turn, result }
    try {
      return await result
    } finally {
      lease.busy--
      if (lease.busy === 0 && this.#leases.get(session) === lease) this.#rest(session, lease)
    }
  }

  /** Ends it once what was asked is done. One that is not open is let be. */
  async close(owner: string, session: string): Promise<void> {
    const lease = this.#leases.get(session)
    if (lease?.owner === owner) await this.#end(session, lease)
  }

  #rest(session: string, lease: Lease<T>): void {
    lease.callOff()
    lease.callOff = this.#after(this.#idleMs, () => void this.#end(session, lease))
  }
  async #end(session: string, lease: Lease<T>): Promise<void> {
    if (this.#leases.get(session) !== lease) return
    this.#leases.delete(session)
    lease.callOff()
    await lease.last
    await lease.value.close()
  }
}

const ended = (session: string) =>
  failure(
    'session-ended',
    `session "${session.slice(0, 80)}" is not open here: nobody used it for a while, it was opened again, or the node has started since; open it again, with the state to go on from`,
  )
