import { LOCAL, type ContentHash, type SiteName } from '../core/ids.ts'
import type { Call, SiteDescription, Transport } from '../core/transport.ts'
import { type Breaker, createBreaker } from '../link/breaker.ts'
import { grpcTransport } from '../link/grpc-transport.ts'
import { resilient, type ResilienceOptions } from '../link/resilient.ts'
import type { Role, SiteView } from '../policy/types.ts'
import { createLinkMeter, type LinkMeter } from './link-meter.ts'

/** A place that this client can send calls to. */
export interface Site {
  readonly name: SiteName
  readonly role: Role
  /** Deadline, retries, breaker and meter included. */
  readonly transport: Transport
  readonly meter: LinkMeter
  /** What the site said of itself; undefined until it was reached. */
  description: SiteDescription | undefined
  /** Content that the site is known to hold beside its own. */
  readonly known: KnownContent
  readonly view: SiteView
}

/** Hashes that a site has lately used; bounded, since it is only a hint. */
export interface KnownContent {
  has(hash: ContentHash): boolean
  add(hash: ContentHash): void
  clear(): void
}
const KNOWN_MOST = 1_000_000

const knownContent = (): KnownContent => {
  const hashes = new Set<ContentHash>()
  return {
    has: (hash) => hashes.has(hash),
    add: (hash) => {
      if (hashes.size >= KNOWN_MOST) hashes.clear()
      hashes.add(hash)
    },
    clear: () => hashes.clear(),
  }
}

/** Lets the meter see the reports of a host in this process; a link shows it its own. */
const observed = (inner: Transport, meter: LinkMeter): Transport => {
  const seen = (call: Call): Call => ({
    ...call,
    context: {
      ...call.context,
      onReport: (report) => {
        meter.observe(report)
        call.context.onReport?.(report)
      },
    },
  })
  return { call: (call) => inner.call(seen(call)), stream: (call) => inner.stream(seen(call)), close: () => inner.close() }
}

type Options = Pick<ResilienceOptions, 'timeoutMs' | 'attempts' | 'baseMs'>

const siteOf = (name: SiteName, role: Role, open: (meter: LinkMeter) => Transport, breaker: Breaker, options: Options): Site => {
  const meter = createLinkMeter()
  const outstanding = { count: 0 }
  const known = knownContent()
  const local = role === 'local'
  const view: SiteView = {
    name,
    role,
    get up() {
      return breaker.up
    },
    get rttMs() {
      return local ? 0 : meter.rttMs
    },
    get downBytesPerMs() {
      return local ? Infinity : meter.downBytesPerMs
    },
    get upBytesPerMs() {
      return local ? Infinity : meter.upBytesPerMs
    },
    get inFlight() {
      return local ? outstanding.count : meter.inFlight
    },
    get queueMs() {
      return meter.queueMs
    },
    get outstanding() {
      return outstanding.count
    },
    has: known.has,
  }
  return {
    name,
    role,
    transport: resilient(open(meter), { breaker, outstanding, ...options }),
    meter,
    description: undefined,
    known,
    view,
  }
}

/** A storage node at an address. */
export const remoteSite = (name: SiteName, role: Role, address: string, options: Options = {}): Site =>
  siteOf(name, role, ({ observe }) => grpcTransport(address, name, observe), createBreaker(), options)

/** A host in this process that stands for a storage node: the same calls without a port. */
export const hostSite = (name: SiteName, role: Role, host: Transport, options: Options = {}): Site =>
  siteOf(name, role, (meter) => observed(host, meter), createBreaker(), options)

/** This process. Tried once: what fails here fails again. */
export const localSite = (host: () => Promise<Transport>): Site => {
  let opened: Promise<Transport> | undefined
  const open = () => (opened ??= host())
  const lazy: Transport = {
    call: async (call) => (await open()).call(call),
    async *stream(call) {
      yield* (await open()).stream(call)
    },
    close: async () => {
      if (opened !== undefined) await (await opened).close()
    },
  }
  return siteOf(LOCAL, 'local', (meter) => observed(lazy, meter), createBreaker({ failures: Infinity }), { attempts: 1 })
}
