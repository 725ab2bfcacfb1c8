import type { MethodEntry, ObjectType } from '../../core/define.ts'
import type { Sessions } from '../../core/host-session.ts'
import { type ContentHash, newCallId, type SiteName } from '../../core/ids.ts'
import type { CallMemory, Compute, Content, HostView } from '../../core/self.ts'
import { eachSliced } from '../../core/slices.ts'
import type { Call, CallReport, StageReport } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { failure, failureWith } from '../../core/errors.ts'
import { CallScope } from './call-scope.ts'
import type { Hold } from '../holds.ts'
import type { Fetched, Resolver } from '../content/resolver.ts'
import { nameOf } from './names.ts'
import type { HostSessions } from './sessions.ts'
import type { Caller } from './turns.ts'

/** Different stages that one call reports. Trailers of some 128 KiB end a client's connection, whatever else goes over it. */
const MOST_STAGES = 64

const STREAM = { stream: true } as const

/** What every call of a host shares. */
export interface CallHost {
  readonly site: SiteName
  readonly resolver: Resolver
  readonly compute: Compute
  readonly view: HostView
  /** Memory that calls may take. */
  readonly memory: { readonly most: number; hold(): Hold }
  /** Keeps content from being collected; see `Collector`. */
  hold(hash: ContentHash): () => void
  /** The links of calls that run here: what a caller says of the calls that it is made in is believed by these alone. */
  readonly links: Set<string>
  readonly sessions: HostSessions
}

/** One call while it runs: its life, what it costs, and what its method sees. */
export class RunningCall implements Caller {
  readonly call: Call
  readonly entry: MethodEntry
  readonly type: ObjectType
  readonly scope: CallScope
  readonly fetched: Fetched = { bytes: 0, ms: 0 }
  readonly #host: CallHost
  readonly #stages = new Map<string, StageReport>()
  readonly #began = performance.now()
  readonly #held: (() => void)[] = []
  #queueMs = 0
  #readerMs = 0
  #link: string | undefined
  #ended = false
  #content: Content | undefined
  #sessions: Sessions | undefined
  #room: Hold | undefined

  constructor(call: Call, type: ObjectType, entry: MethodEntry, host: CallHost) {
    this.call = call
    this.type = type
    this.entry = entry
    this.scope = new CallScope(call.context)
    this.#host = host
  }

  get link(): string {
    if (this.#link === undefined) {
      this.#link = `${nameOf(this.call)}#${newCallId()}`
      if (!this.#ended) this.#host.links.add(this.#link)
    }
    return this.#link
  }

  get signal(): AbortSignal {
    return this.scope.signal
  }

  get chain(): readonly string[] {
    return this.call.context.chain
  }

  /** Made when a method first asks: most calls touch no content. */
  get content(): Content {
    return (this.#content ??= this.#host.resolver.scope(
      this.fetched,
      (hash) => this.#held.push(this.#host.hold(hash)),
      (letGo) => this.#held.push(letGo),
    ))
  }

  get memory(): CallMemory {
    const { memory } = this.#host
    return { most: memory.most, reserve: (bytes) => this.#reserve(bytes) }
  }

  #newRoom(): Hold {
    const room = this.#host.memory.hold()
    this.#held.push(() => room.release())
    return room
  }

  #reserve(bytes: number): () => void {
    const { memory, site } = this.#host
    if (!(bytes >= 0)) throw failure('invalid-argument', `${bytes} is no number of bytes that can be reserved`)
    // One for the whole call: alone it may have more than its share.
    const room = (this.#room ??= this.#newRoom())
    if (room.bytes + bytes > memory.most)
      throw failureWith(
        'resource-exhausted',
        `the call needs ${Math.ceil(room.bytes + bytes)} bytes of memory at a time; the most at ${site} is ${memory.most}: make the batch or the sizes smaller, use another site, or start the node with more --memory`,
        { retryAfterMs: 1000 },
      )
    room.take(bytes)
    let given = false
    return () => {
      if (!given) room.giveBack(bytes)
      given = true
    }
  }

  /** Those of the call's object. */
  get sessions(): Sessions {
    return (this.#sessions ??= this.#host.sessions.of(nameOf(this.call), (act) => this.#held.push(act)))
  }

  /** The call has been answered. */
  end(): void {
    this.#ended = true
    this.scope.end()
    if (this.#link !== undefined) this.#host.links.delete(this.#link)
  }

  /** Lets go of what the call has put and read, once its work is over: a method may go on after its caller was answered. */
  release(work: unknown): void {
    // An adopt holds as many contents as it has taken.
    const letGo = () => void eachSliced(this.#held, (one) => one())
    if (this.scope.cutShort) Promise.resolve(work).then(letGo, letGo)
    else letGo()
  }

  /** Notes time that the call spent waiting: for its object's turn, or for a worker. */
  waited(ms: number): void {
    this.#queueMs += ms
  }

  /** Notes time that a stream spent waiting for its reader. */
  waitedForReader(ms: number): void {
    this.#readerMs += ms
  }

  report(inFlight: number): CallReport {
    const totalMs = performance.now() - this.#began
    const queueMs = Math.min(this.#queueMs, totalMs)
    return {
      site: this.#host.site,
      bytesSent: 0,
      bytesReceived: 0,
      bytesFetched: this.fetched.bytes,
      fetchMs: this.fetched.ms,
      totalMs,
      ...(this.entry.stream && STREAM),
      load: { inFlight, queueMs, serviceMs: Math.max(0, totalMs - queueMs - this.#readerMs) },
      stages: [...this.#stages.values()],
    }
  }

  /** Calls the method's body. */
  invoke(self: object): unknown {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- defineObject has checked the section's self; arguments are checked by the method
    return (this.entry.run as (self: object, ...args: readonly Value[]) => unknown)(self, ...this.call.args)
  }

  /** Times of one stage add up: a call may go through it thousands of times, and its report travels in trailers, which are small. */
  async stage<T>(key: string, units: number, work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    const result = await work()
    const before = this.#stages.get(key)
    if (before !== undefined || this.#stages.size < MOST_STAGES)
      this.#stages.set(key, { key, units: (before?.units ?? 0) + units, ms: (before?.ms ?? 0) + performance.now() - began })
    return result
  }

  get host(): CallHost {
    return this.#host
  }

  compute(): Compute {
    const { compute } = this.#host
    // Of runs made side by side only the first waited for others' work; the rest wait for each other.
    let first = true
    return {
      inspect: compute.inspect,
      train: compute.train,
      run: (model, feeds, signal) =>
        compute.run(model, feeds, signal, (ms) => {
          if (first) this.waited(ms)
          first = false
        }),
    }
  }
}
