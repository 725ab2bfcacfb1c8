import { randomUUID } from 'node:crypto'
import { failure } from '../../core/errors.ts'
import type { Closable, SessionKind, SessionOptions, Sessions } from '../../core/host-session.ts'

/** Calls `run` after so many ms. @returns what calls it off */
export type After = (ms: number, run: () => void) => () => void

// A lease keeps no process alive.
const timer: After = (ms, run) => {
  const handle = setTimeout(run, ms).unref()
  return () => clearTimeout(handle)
}

export interface HostSessionsOptions {
  /** Takes memory for a session. @returns gives it back @throws `overloaded` */
  readonly reserve: (bytes: number) => () => void
  /** Default: a timer. */
  readonly after?: After
}

/** All sessions of a host. */
export interface HostSessions {
  /** Those of one object, as one of its methods has them. @param whenDone called with what ends sessions of that call */
  of(owner: string, whenDone: (act: () => void) => void): Sessions
  isOpen(owner: string, kind: SessionKind): boolean
  /** Whether the object has a session of this id. */
  has(owner: string, session: string): boolean
  /** Ends the sessions of an object that is no longer here. */
  end(owner: string): void
  readonly count: number
  readonly bytes: number
  /** Ends all, each once what was asked of it is done. From then on none is opened. */
  close(): Promise<void>
}

const IDLE_MS = 60_000

interface Lease {
  readonly id: string
  readonly owner: string
  readonly kind: SessionKind
  readonly key: string
  readonly value: Closable
  readonly bytes: number
  readonly release: () => void
  /** Undefined where the call that opened it keeps it. */
  readonly idleMs: number | undefined
  /** Uses that have not come to their end. */
  busy: number
  /** The last use, as the next waits for it. */
  last: Promise<unknown>
  /** The turn that was used last, and what came of it. */
  turn: { readonly number: number; readonly result: Promise<unknown> } | undefined
  callOff: () => void
}

export const createHostSessions = ({ reserve, after = timer }: HostSessionsOptions): HostSessions => {
  const leases = new Map<string, Lease>()
  /** By owner, so that an object's end and questions of its methods look at no others. */
  const owned = new Map<string, Set<Lease>>()
  /** The last to open under a key. */
  const opening = new Map<string, object>()
  let closed = false

  const find = (owner: string, kind: SessionKind, key: string): Lease | undefined => {
    for (const lease of owned.get(owner) ?? []) if (lease.kind === kind && lease.key === key) return lease
    return undefined
  }
  const end = async (lease: Lease): Promise<void> => {
    if (!leases.delete(lease.id)) return
    const others = owned.get(lease.owner)
    others?.delete(lease)
    if (others?.size === 0) owned.delete(lease.owner)
    lease.callOff()
    await lease.last
    try {
      await lease.value.close()
    } finally {
      lease.release()
    }
  }
  /** Ends it beside whatever goes on: nobody waits who could be told of trouble. */
  const endBeside = (lease: Lease): void => void end(lease).catch(() => undefined)
  const rest = (lease: Lease): void => {
    lease.callOff()
    if (lease.idleMs !== undefined) lease.callOff = after(lease.idleMs, () => endBeside(lease))
  }

  const open = async (
    owner: string,
    kind: SessionKind,
    { key = '', taken = 'replace', bytes = 0, idleMs = IDLE_MS, untilCallEnds = false }: SessionOptions,
    make: () => Promise<Closable>,
  ): Promise<Lease> => {
    if (closed) throw failure('unavailable', 'the host is stopping')
    const place = JSON.stringify([owner, kind.name, key])
    if (taken === 'refuse' && (opening.has(place) || find(owner, kind, key) !== undefined))
      throw failure('already-exists', `${owner} has a session "${kind.name}" open already: close that first`)
    const mine = {}
    opening.set(place, mine)
    let release: (() => void) | undefined
    try {
      const before = find(owner, kind, key)
      if (before !== undefined) await end(before)
      release = reserve(bytes)
      const value = await make()
      if (opening.get(place) !== mine || closed) {
        await value.close()
        throw closed
          ? failure('unavailable', 'the host is stopping')
          : failure('fenced', `the session "${kind.name}" ${key} was opened again meanwhile: the later one counts`)
      }
      const lease: Lease = {
        id: randomUUID(),
        owner,
        kind,
        key,
        value,
        bytes,
        release,
        idleMs: untilCallEnds ? undefined : idleMs,
        busy: 0,
        last: Promise.resolve(),
        turn: undefined,
        callOff: () => undefined,
      }
      leases.set(lease.id, lease)
      owned.set(owner, (owned.get(owner) ?? new Set()).add(lease))
      release = undefined
      rest(lease)
      return lease
    } finally {
      release?.()
      if (opening.get(place) === mine) opening.delete(place)
    }
  }

  const use = async <R>(lease: Lease, work: (value: Closable) => Promise<R>, turn: number | undefined): Promise<R> => {
    if (turn !== undefined && lease.turn !== undefined) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same turn asks for the same work
      if (turn === lease.turn.number) return lease.turn.result as Promise<R>
      if (turn < lease.turn.number) throw failure('fenced', `turn ${turn} of session ${lease.id} is over: turn ${lease.turn.number} has begun since`) // prettier-ignore
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
      if (lease.busy === 0 && leases.has(lease.id)) rest(lease)
    }
  }

  return {
    of: (owner, whenDone) => ({
      async open(kind, options, make) {
        const lease = await open(owner, kind, options, make)
        if (options.untilCallEnds === true) whenDone(() => endBeside(lease))
        return lease.id
      },
      async use(kind, session, work, turn) {
        const lease = leases.get(session)
        if (lease === undefined || lease.owner !== owner || lease.kind !== kind) throw sessionEnded(session)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a session of this kind was opened with what the kind holds
        return use(lease, work as (value: Closable) => ReturnType<typeof work>, turn)
      },
      find: (kind, key = '') => find(owner, kind, key)?.id,
      async close(session) {
        const lease = leases.get(session)
        if (lease?.owner === owner) await end(lease)
      },
    }),
    isOpen: (owner, kind) => [...(owned.get(owner) ?? [])].some((lease) => lease.kind === kind),
    has: (owner, session) => leases.get(session)?.owner === owner,
    end(owner) {
      for (const lease of [...(owned.get(owner) ?? [])]) endBeside(lease)
    },
    get count() {
      return leases.size
    },
    get bytes() {
      let sum = 0
      for (const { bytes } of leases.values()) sum += bytes
      return sum
    },
    async close() {
      closed = true
      await Promise.allSettled([...leases.values()].map(end))
    },
  }
}

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Whether a value is of the form of a session's id. */
export const isSessionId = (value: unknown): value is string => typeof value === 'string' && SESSION_ID.test(value)

export const sessionEnded = (session: string) =>
  failure(
    'session-ended',
    `session "${session.slice(0, 80)}" is not open here: nobody used it for a while, it was opened again, its object is gone, or the node has started since; open it again, with the state to go on from`,
  )
