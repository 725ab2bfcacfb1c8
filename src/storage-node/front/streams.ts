import { failureWith } from '../../core/errors.ts'
import type { Intake } from './intake.ts'

export interface StreamLimits {
  /** Streams whose other end is waited for. Those on which the node is at work are bounded by its admission. */
  readonly waiting: number
  /** Of these, streams of other services than the node's own: health, reflection. */
  readonly others: number
}

/** A connection, by its open streams. */
export interface Connection {
  streams: number
  /** When the last of them ended. */
  idleSince: number
  /** It has opened one more. */
  opened(): void
  /** A stream of it was refused, or had to give way. */
  strike(): void
}

interface Open {
  readonly intake: Intake
  readonly connection: Connection
  readonly other: boolean
}

export interface Streams {
  /** Room for one more stream, where need be by ending others. @throws `overloaded` */
  makeRoom(connection: Connection, other: boolean): void
  add(open: Open): void
  remove(intake: Intake): void
  /** Looks at the pace of all. */
  sweep(): void
  /** Streams that are open. */
  readonly size: number
}

/** A stream whose other end has been idle so long gives way to a new one. */
const IDLE_MS = 500
/** When it is looked again where none was: to look takes a look at all. */
const LOOK_MS = 50
/** A connection with no more streams than this is let in at the expense of the one that has most. */
const FEW = 8
/** So many of the idle streams go at a time: to look for them costs a look at all. */
const SHARE = 16

/** All open streams of a node, bounded: one that is idle gives way to one that is new. */
export const createStreams = (limits: StreamLimits): Streams => {
  const open = new Map<Intake, Open>()
  let others = 0

  const overloaded = (why: string) => failureWith('overloaded', why, { retryAfterMs: IDLE_MS })
  const evict = (intake: Intake, why: string) => {
    open.get(intake)?.connection.strike()
    intake.evict(overloaded(why))
  }
  const remove = (intake: Intake) => {
    const found = open.get(intake)
    if (found === undefined) return
    open.delete(intake)
    if (found.other) others--
    found.connection.streams--
    found.connection.idleSince = performance.now()
  }
  const waiting = () => {
    let count = 0
    for (const intake of open.keys()) if (intake.waits) count++
    return count
  }
  let nextLook = -Infinity
  const evictIdle = () => {
    if (performance.now() < nextLook) return
    const idle = [...open.keys()]
      .map((intake) => ({ intake, ms: intake.idleMs() }))
      .filter(({ ms }) => ms >= IDLE_MS)
      .sort((a, b) => b.ms - a.ms)
    if (idle.length === 0) nextLook = performance.now() + LOOK_MS
    for (const { intake, ms } of idle.slice(0, Math.ceil(limits.waiting / SHARE)))
      evict(intake, `the node waits for as many callers as it can, and the other end of this one has been idle for ${Math.round(ms)} ms`)
  }
  /** Of the connection with the most streams, the one that has waited longest for its other end. */
  const evictFromLargest = (newcomer: Connection) => {
    const waiting = [...open.values()].filter(({ intake }) => intake.waits)
    const most = waiting.reduce((largest, { connection }) => Math.max(largest, connection.streams), newcomer.streams + 1)
    const victim = waiting.find(({ connection }) => connection.streams === most)
    if (victim !== undefined) evict(victim.intake, 'the node waits for as many callers as it can, and for most of them on this connection')
  }

  return {
    makeRoom(connection, other) {
      if (other && others >= limits.others) {
        const oldest = [...open.values()].find((each) => each.other)
        if (oldest !== undefined) evict(oldest.intake, 'newer streams of this service are open')
      }
      // Most of the time there are fewer streams at all.
      if (open.size < limits.waiting || waiting() < limits.waiting) return
      evictIdle()
      if (waiting() >= limits.waiting && connection.streams <= FEW) evictFromLargest(connection)
      if (waiting() < limits.waiting) return
      connection.strike()
      throw overloaded(`${waiting()} callers send or take next to nothing, the most that are waited for`)
    },
    add(one) {
      open.set(one.intake, one)
      one.connection.streams++
      if (one.other) others++
    },
    remove,
    sweep() {
      for (const intake of open.keys()) intake.sweep()
    },
    get size() {
      return open.size
    },
  }
}
