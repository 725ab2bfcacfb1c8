import { ActiveStorageError, failure, isActiveStorageError, toFailure } from '../../../src/core/errors.ts'
import type { Call, Transport } from '../../../src/core/transport.ts'
import type { Value } from '../../../src/core/value.ts'
import { fromBytes, toBytes } from '../../../src/wire/stored.ts'
import type { Life } from './life.ts'
import { CALM, type LinkState, type Losses, type NetworkOptions } from './links.ts'
import type { Scheduled } from './scheduler.ts'

/** One call on its way. */
interface OpenCall {
  readonly from: string
  readonly to: string
  /** The process that runs it, once it has arrived. */
  life: Life | undefined
  /** The connection is gone. */
  broken(): void
}

/** What a repeated delivery cannot change: a key or the kind of the method sees to it, or the method itself. */
const REPEATABLE: ReadonlySet<string> = new Set(['$activate', '$discard'])
const isRepeatable = ({ kind, method, context }: Call) =>
  kind !== 'stateful' || context.idempotencyKey !== undefined || REPEATABLE.has(method)

/** An error as it arrives at the other end. */
const received = (thrown: unknown): ActiveStorageError => {
  const { code, text, details, origin } = toFailure(thrown)
  return new ActiveStorageError(code, text, details, { origin })
}

/** Carries calls between processes: late, or not at all. Values are encoded and decoded as on the wire. */
export const createNetwork = ({ scheduler, draws, servers }: NetworkOptions) => {
  let losses: Losses = CALM
  const states = new Map<string, LinkState>()
  const stateOf = (a: string, b: string): LinkState => {
    const name = [a, b].sort().join('-')
    const found = states.get(name) ?? { cut: false, silent: false, slowness: 1 }
    states.set(name, found)
    return found
  }
  const open = new Set<OpenCall>()
  let count = 0
  const delayOf = (state: LinkState) => state.slowness * (draws.chance(0.03) ? draws.between(5, 80) : draws.between(0.1, 3))
  const gone = (to: string) => failure('unavailable', `the connection to ${to} broke`)

  /** One try to have a call run at the other end: the items of its result, or of its stream, one by one. */
  const begin = (from: Life, to: string, call: Call, stream: boolean, give: Give): (() => void) => {
    const state = stateOf(from.name, to)
    const label = `${from.name}>${to} ${++count} ${call.type}/${call.object}.${call.method}`
    const { signal: _, aborted: _aborted, onReport: _report, deadline, ...context } = call.context
    // Each end has a clock of its own: on the wire a deadline is the time that is left.
    const budgetMs = deadline === undefined ? undefined : deadline - from.monotonic()
    const args = toBytes(call.args)
    const stopping = new AbortController()
    let over = false
    let late: Scheduled | undefined
    /** What happens at the caller's end, once. */
    const end = (act: () => void) => {
      if (over) return
      over = true
      open.delete(entry)
      call.context.signal?.removeEventListener('abort', stop)
      late?.cancel()
      if (from.alive) act()
    }
    const refuse = () => {
      if (!state.silent) scheduler.in(delayOf(state), `${label} refused`, () => end(() => give.failed(gone(to))))
    }
    const isUnlucky = draws.chance(losses.unlucky.get(call.method) ?? 0)
    const lostBefore = isUnlucky && draws.chance(0.5)
    const entry: OpenCall = {
      from: from.name,
      to,
      life: undefined,
      broken() {
        // At once, or when the server misses signs of life.
        scheduler.in(draws.chance(0.5) ? delayOf(state) : MISSED_MS, `${label} left`, () => stopping.abort(givenUp()))
        if (state.silent && draws.chance(0.7)) return
        scheduler.in(delayOf(state), `${label} broken`, () => end(() => give.failed(gone(to))))
      },
    }
    open.add(entry)
    const serve = (first: boolean) => {
      // What was sent on a link that is silent may arrive when it is whole again, though its caller has left.
      if (state.cut && state.silent && draws.chance(0.8))
        return void scheduler.in(draws.between(100, 1000), `${label} is on its way`, () => serve(first))
      if (first && over && draws.chance(0.5)) return
      if (state.cut) return refuse()
      const server = servers.get(to)?.serving()
      if (server === undefined) return refuse()
      const { life, transport } = server
      if (first) entry.life = life
      const decoded = fromBytes(args) as readonly Value[]
      const signal = first ? stopping.signal : new AbortController().signal
      const limit = budgetMs === undefined ? {} : { deadline: life.monotonic() + budgetMs }
      const served: Call = { ...call, args: decoded, context: { ...context, ...limit, signal } }
      const answer = (what: string, act: () => void) => {
        if (!first) return
        if (isUnlucky || draws.chance(losses.lostReply)) return entry.broken()
        scheduler.in(delayOf(state), `${label} ${what}`, () => {
          if (!life.alive || state.cut) return
          act()
        })
      }
      if (stream) void serveStream(transport, served, life, answer)
      else
        transport.call(served).then(
          (value) => {
            const bytes = toBytes(value)
            answer('answered', () => end(() => give.value(fromBytes(bytes), true)))
          },
          (error: unknown) => answer(`failed ${codeOf(error)}`, () => end(() => give.failed(received(error)))),
        )
    }
    /** Items keep their order: the next is asked for when the last has arrived. */
    const serveStream = async (transport: Transport, served: Call, life: Life, answer: (what: string, act: () => void) => void) => {
      let taken = () => undefined as void
      stopping.signal.addEventListener('abort', () => taken(), { once: true })
      try {
        for await (const item of transport.stream(served)) {
          const bytes = toBytes(item)
          await new Promise<void>((resolve) => {
            taken = resolve
            answer('item', () => {
              if (!over && from.alive) give.value(fromBytes(bytes), false)
              resolve()
            })
          })
          if (!life.alive || stopping.signal.aborted) return
        }
        answer('ended', () => end(() => give.value(undefined, true)))
      } catch (error) {
        answer(`failed ${codeOf(error)}`, () => end(() => give.failed(received(error))))
      }
    }
    if (state.cut) refuse()
    else if (lostBefore) {
      entry.broken()
      if (draws.chance(0.5)) scheduler.in(draws.between(5, LATE_MS), `${label} arrives late`, () => serve(true))
    } else {
      scheduler.in(delayOf(state), `${label} arrives`, () => serve(true))
      if (!stream && isRepeatable(call) && draws.chance(losses.duplicate))
        scheduler.in(delayOf(state) * draws.between(1, 200), `${label} arrives again`, () => serve(false))
    }
    const cancel = (reason: ActiveStorageError) => {
      end(() => give.failed(reason))
      scheduler.in(delayOf(state), `${label} given up`, () => {
        if (!state.cut) stopping.abort(givenUp())
      })
    }
    function stop() {
      if (!over) cancel(failure('cancelled', 'the caller gave the call up'))
    }
    const { signal } = call.context
    if (budgetMs !== undefined && !over)
      late = from.in(budgetMs, `${call.method} deadline`, () => cancel(failure('deadline-exceeded', `no answer from ${to} in time`)))
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    return stop
  }

  return {
    stateOf,
    /** Cuts or heals the link between two places. What is on its way over a cut link is lost. */
    set(a: string, b: string, cut: boolean, silent = false): void {
      const state = stateOf(a, b)
      state.cut = cut
      state.silent = silent
      if (!cut) return
      for (const call of [...open]) if ((call.from === a && call.to === b) || (call.from === b && call.to === a)) call.broken()
    },
    lose(next: Losses): void {
      losses = next
    },
    /** A process has died: its connections break. */
    died(life: Life): void {
      for (const call of [...open]) {
        if (call.life === life) call.broken()
        else if (call.from === life.name) open.delete(call)
      }
    },
    /** The ways of a process to all machines but its own. */
    linksOf(from: Life): Map<string, Transport> {
      const link = (to: string): Transport => ({
        call: (call) =>
          new Promise((resolve, reject) => {
            begin(from, to, call, false, { value: resolve, failed: reject })
          }),
        async *stream(call) {
          const items: Value[] = []
          let ended: { readonly error?: ActiveStorageError } | undefined
          let wake = () => undefined as void
          const stop = begin(from, to, call, true, {
            value(value, last) {
              if (last) ended = {}
              else items.push(value)
              wake()
            },
            failed(error) {
              ended = { error }
              wake()
            },
          })
          try {
            for (;;) {
              if (items.length > 0) yield items.shift()!
              else if (ended?.error !== undefined) throw ended.error
              else if (ended !== undefined) return
              else await new Promise<void>((resolve) => (wake = resolve))
            }
          } finally {
            stop()
          }
        },
        close: () => Promise.resolve(),
      })
      return new Map([...servers.keys()].filter((to) => to !== from.name).map((to) => [to, link(to)]))
    },
  }
}
export type Network = ReturnType<typeof createNetwork>

interface Give {
  value(value: Value, last: boolean): void
  failed(error: ActiveStorageError): void
}

const givenUp = () => failure('cancelled', 'the caller gave the call up')
/** A server misses a caller whose machine is gone after so long. */
const MISSED_MS = 50_000
/** What was lost on one connection may still arrive for so long, when the caller has made another. */
const LATE_MS = 20_000
const codeOf = (error: unknown) => (isActiveStorageError(error) ? error.code : String(error))
