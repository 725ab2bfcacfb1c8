import { constants, type Http2Session } from 'node:http2'
import type { Connection } from './streams.ts'

export interface Connections {
  /** Takes a connection in, where need be at the expense of one that is idle; without that it is closed. */
  open(session: Http2Session): void
  of(session: Http2Session | undefined): Connection
}

/**
 * Streams that a connection may open in one turn of the event loop. A turn reads up to 2 MiB of a connection that has so
 * much to say: tens of thousands of streams, before the next connection is read at all.
 */
const TURN = 128

/** Lets a connection wait with the rest of what it says until the others had their turn. */
const restOf = (session: Http2Session | undefined): (() => void) => {
  // No public way leads there: without it the node is as right, and slower for others while one connection is busy.
  const handle: unknown = session?.socket === undefined ? undefined : Reflect.get(session.socket, '_handle')
  if (typeof handle !== 'object' || handle === null) return () => undefined
  const call = (name: 'readStop' | 'readStart') => {
    const method: unknown = Reflect.get(handle, name)
    if (typeof method === 'function' && session?.destroyed === false) Reflect.apply(method, handle, [])
  }
  return () => {
    call('readStop')
    setImmediate(() => call('readStart'))
  }
}

/** A connection whose streams are refused, or have to give way, more often than this is closed: each of them takes time. */
const STRIKES = 128
const FORGIVEN_A_SECOND = 16

/** All connections of a node, bounded: of those without a stream the one that has been idle longest gives way to a new one. */
export const createConnections = (most: number): Connections => {
  const open = new Map<Http2Session, Connection>()
  const created = (session?: Http2Session): Connection => {
    let strikes = 0
    let since = performance.now()
    let inTurn = 0
    const rest = restOf(session)
    return {
      streams: 0,
      idleSince: since,
      opened() {
        inTurn++
        // Not for each: a few more from the turns before do no harm.
        if (inTurn === TURN / 4) setImmediate(() => (inTurn = 0))
        if (inTurn === TURN) rest()
      },
      strike() {
        const now = performance.now()
        strikes = Math.max(0, strikes - (FORGIVEN_A_SECOND * (now - since)) / 1000) + 1
        since = now
        if (strikes >= STRIKES) session?.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
      },
    }
  }

  /** Of the address with the most connections. */
  const idlest = (): Http2Session | undefined => {
    const perAddress = new Map<string, number>()
    for (const session of open.keys()) perAddress.set(addressOf(session), (perAddress.get(addressOf(session)) ?? 0) + 1)
    let found: { session: Http2Session; count: number; since: number } | undefined
    for (const [session, { streams, idleSince }] of open) {
      if (streams > 0) continue
      const count = perAddress.get(addressOf(session)) ?? 0
      if (found === undefined || count > found.count || (count === found.count && idleSince < found.since))
        found = { session, count, since: idleSince }
    }
    return found?.session
  }

  return {
    open(session) {
      if (open.size >= most) {
        const victim = idlest()
        if (victim === undefined) return session.destroy()
        open.delete(victim)
        // Its caller connects again where it has something to say.
        victim.destroy()
      }
      open.set(session, created(session))
      session.once('close', () => open.delete(session))
    },
    of: (session) => (session === undefined ? undefined : open.get(session)) ?? created(),
  }
}

const addressOf = (session: Http2Session): string => session.socket?.remoteAddress ?? ''
