import { type ClientDuplexStream, credentials, Metadata, type ServiceError, status, type StatusObject } from '@grpc/grpc-js'
import { monotonicNow } from '../core/clock.ts'
import { abortedBy, failure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import type { Call, CallReport, Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { failureOf } from '../wire/failure.ts'
import { Incoming, type Outgoing, outgoingInSlices } from '../wire/frames.ts'
import type { ClientFrameIn } from '../wire/gen/active_storage/v1/ClientFrame.ts'
import type { ServerFrame } from '../wire/gen/active_storage/v1/ServerFrame.ts'
import { limits } from '../wire/limits.ts'
import { decodeLoad } from '../wire/load-report.ts'
import { channelOptions, liveness, protocol, trailers } from '../wire/protocol.ts'
import { parseAddress } from './address.ts'
import { proxyFor } from './proxy.ts'

type Duplex = ClientDuplexStream<ClientFrameIn, ServerFrame>

/** A name that resolves elsewhere later must not be retried at the old place for two minutes, grpc-js' default. */
const reconnect = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 2000 } as const

/** Timers take at most 2^31 - 1 ms: a limit beyond that is left to the node, which is told it too. */
const LONGEST_MS = 2 ** 31 - 1
/** Milliseconds left to a call. @throws `deadline-exceeded` where there are none */
const leftTo = (deadline: number | undefined): number | undefined => {
  if (deadline === undefined) return undefined
  if (Number.isNaN(deadline)) throw failure('invalid-argument', 'timeoutMs is not a number: give milliseconds')
  const left = deadline - monotonicNow()
  if (left <= 0) throw failure('deadline-exceeded', 'the time given to the call ran out before it was sent')
  return left
}

/**
 * Ends a call after so many ms. Not by a deadline of grpc-js, which is one of the wall clock: a step of that would end the
 * call at once, or never.
 */
const endAfter = (duplex: Duplex, ms: number): void => {
  const timer = setTimeout(() => {
    // Until there is a connection, the peer is the name that is being resolved.
    const reached = !duplex.getPeer().startsWith('dns:')
    duplex.call?.cancelWithStatus(status.DEADLINE_EXCEEDED, reached ? 'deadline exceeded' : 'deadline exceeded while waiting for LB pick')
  }, ms)
  duplex.once('status', () => clearTimeout(timer))
}

interface Flight {
  readonly duplex: Duplex
  readonly outgoing: Outgoing
  readonly stream: boolean
  readonly began: number
  received: number
}

/**
 * Calls to one storage node over gRPC. Small calls and bulk use a connection each, so that a small call does not wait
 * behind somebody's 64 MiB: a call goes by the bulk connection when its arguments are chunked, or when the same
 * method's last result was.
 * @param address `host:port`, an IPv6 address in brackets
 * @param observe sees the report of every call, as the call's own `onReport` does
 * @throws ActiveStorageError `invalid-argument` for what is no address
 */
export const grpcTransport = (address: string, site: SiteName, observe?: (report: CallReport) => void): Transport => {
  const to = parseAddress(address)
  if (to.port === 0) throw failure('invalid-argument', `"${address}": port 0 is for listening only; use host:port with the node's port`)
  const proxy = proxyFor(to)
  const via =
    proxy === undefined
      ? ''
      : ` by way of the proxy ${proxy.address}, which ${proxy.variable} names; add ${to.host} to no_proxy to go there directly`
  // With its scheme: a host named "unix" would be taken for one.
  const target = `dns:${address}`
  const open = (name: string) =>
    new protocol.StorageNode(proxy === undefined ? target : `dns:${proxy.address}`, credentials.createInsecure(), {
      ...channelOptions,
      ...liveness,
      ...reconnect,
      // Which proxy is used is decided here: grpc-js would send calls to this machine through it as well.
      'grpc.enable_http_proxy': 0,
      ...(proxy !== undefined && { 'grpc.http_connect_target': target, 'grpc.default_authority': address }),
      ...(proxy?.credentials !== undefined && { 'grpc.http_connect_creds': proxy.credentials }),
      // Without a pool of its own, grpc-js would give both clients the same connection.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.primary_user_agent': `active-storage-${name}`,
    })
  const control = open('control')
  let bulk: typeof control | undefined
  const largeResults = new Set<string>()
  let closed = false

  const begin = (call: Call, args: Outgoing, stream: boolean): Flight => {
    if (closed) throw failure('unavailable', `the link to ${site} (${address}) is closed`)
    const { context } = call
    if (context.signal?.aborted === true) throw abortedBy(context.signal)
    const left = leftTo(context.deadline)
    const large = args.bytes > limits.inlineBytes || largeResults.has(`${call.type}.${call.method}`)
    const client = large ? (bulk ??= open('bulk')) : control
    const duplex = client.Call()
    if (left !== undefined && left <= LONGEST_MS) endAfter(duplex, left)
    if (context.signal !== undefined) {
      const cancel = () => duplex.cancel()
      context.signal.addEventListener('abort', cancel, { once: true })
      duplex.once('status', () => context.signal?.removeEventListener('abort', cancel))
    }
    duplex.write({
      start: {
        type: call.type,
        object: call.object,
        method: call.method,
        arguments: args.head,
        callId: context.callId,
        idempotencyKey: context.idempotencyKey ?? '',
        chain: [...context.chain],
        ...(left !== undefined && { budgetMs: left }),
        ...(context.expectedVersion !== undefined && { expectedVersion: context.expectedVersion }),
        ...(context.fencingToken !== undefined && { fencingToken: context.fencingToken }),
        asyncDurability: context.durability === 'async',
        traceParent: context.traceParent ?? '',
      },
    })
    if (args.bytes > limits.inlineBytes) void pump(duplex, args.chunks)
    else duplex.end()
    return { duplex, outgoing: args, stream, began: performance.now(), received: 0 }
  }

  const noteSize = (call: Call, bytes: number) => {
    const method = `${call.type}.${call.method}`
    if (bytes > limits.inlineBytes) largeResults.add(method)
    else largeResults.delete(method)
  }

  const report = (call: Call, flight: Flight, metadata: Metadata) => {
    const { onReport } = call.context
    if (onReport === undefined && observe === undefined) return
    const made = reportOf(site, flight, metadata)
    observe?.(made)
    onReport?.(made)
  }

  const errorOf = (call: Call, error: ServiceError) => {
    const { signal } = call.context
    const known = signal?.aborted === true ? abortedBy(signal) : failureOf(error, `the node at ${address}${via}`)
    return known.at({ object: `${call.type}/${call.object}`, method: call.method, site, callId: call.context.callId })
  }

  return {
    async call(call) {
      const encoded = outgoingInSlices(call.args)
      const args = encoded instanceof Promise ? await encoded : encoded
      return new Promise<Value>((resolve, reject) => {
        const flight = begin(call, args, false)
        const { duplex } = flight
        let incoming: Incoming | undefined
        let problem: Error | undefined
        const settle = (metadata: Metadata) => {
          report(call, flight, metadata)
          try {
            if (problem !== undefined) throw problem
            if (incoming === undefined) throw failure('malformed-message', 'the call ended well but brought no result')
            noteSize(call, incoming.bytes)
            resolve(incoming.valueInSlices())
          } catch (error) {
            reject(error)
          }
        }
        duplex.on('data', (frame: ServerFrame) => {
          if (problem !== undefined) return
          try {
            if (frame.value) {
              if (incoming !== undefined) throw failure('malformed-message', 'a second result')
              incoming = new Incoming(frame.value)
              flight.received += incoming.bytes
            } else if (frame.chunk && incoming !== undefined) incoming.push(frame.chunk)
            else throw failure('malformed-message', 'a chunk before its value')
          } catch (error) {
            problem = error instanceof Error ? error : new Error(String(error))
            duplex.cancel()
          }
        })
        duplex.on('status', (arrived: StatusObject) => {
          if (problem === undefined && arrived.code !== status.OK) {
            report(call, flight, arrived.metadata)
            return reject(errorOf(call, Object.assign(new Error(arrived.details), arrived)))
          }
          // The status may come before the last message has been read; then the end of the stream tells.
          if (problem !== undefined || incoming?.complete === true) settle(arrived.metadata)
          else duplex.once('end', () => settle(arrived.metadata))
        })
        duplex.on('error', ignored)
      })
    },

    async *stream(call) {
      const encoded = outgoingInSlices(call.args)
      const flight = begin(call, encoded instanceof Promise ? await encoded : encoded, true)
      const { duplex } = flight
      // Stays empty where the reader leaves before the end.
      let metadata = new Metadata()
      duplex.on('status', (arrived: StatusObject) => (metadata = arrived.metadata))
      let incoming: Incoming | undefined
      let finished = false
      try {
        for await (const frame of duplex as AsyncIterable<ServerFrame>) {
          if (frame.value) {
            if (incoming !== undefined && !incoming.complete) throw failure('malformed-message', 'an item before the last was whole')
            incoming = new Incoming(frame.value)
            flight.received += incoming.bytes
            noteSize(call, incoming.bytes)
          } else if (frame.chunk && incoming !== undefined) incoming.push(frame.chunk)
          else throw failure('malformed-message', 'a chunk before its value')
          if (incoming.complete) {
            const whole = incoming
            incoming = undefined
            yield whole.valueInSlices()
          }
        }
        finished = true
      } catch (error) {
        finished = true
        throw isServiceError(error) ? errorOf(call, error) : error
      } finally {
        // A reader that stops early gives the call up.
        if (!finished) duplex.cancel()
        report(call, flight, metadata)
      }
    },

    async close() {
      closed = true
      control.close()
      bulk?.close()
      await Promise.resolve()
    },
  }
}

/** The status says the same and comes in every case; without a listener the event would end the process. */
const ignored = () => undefined

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error

/** Sends chunks no faster than the other end takes them. */
const pump = async (duplex: Duplex, chunks: Iterable<Uint8Array>): Promise<void> => {
  let ended = false
  let wake = () => undefined as void
  duplex.on('drain', () => wake())
  duplex.on('status', () => {
    ended = true
    wake()
  })
  for (const chunk of chunks) {
    if (ended) return
    if (!duplex.write({ chunk })) await new Promise<void>((resolve) => (wake = resolve))
  }
  if (!ended) duplex.end()
}

const reportOf = (site: SiteName, { outgoing: sent, stream, received, began }: Flight, metadata: Metadata): CallReport => {
  const [loadBytes] = metadata.get(trailers.load)
  const [accountingBytes] = metadata.get(trailers.accounting)
  const load = loadBytes instanceof Buffer ? decodeLoad(loadBytes) : undefined
  const accounting = accountingBytes instanceof Buffer ? protocol.Accounting.deserialize(accountingBytes) : undefined
  return {
    site,
    bytesSent: sent.bytes,
    bytesReceived: received,
    bytesFetched: Number(accounting?.bytesFetched ?? 0),
    fetchMs: accounting?.fetchMs ?? 0,
    totalMs: performance.now() - began,
    ...(stream && { stream }),
    ...(load !== undefined && { load }),
    stages: accounting?.stages.map(({ key, ms, units }) => ({ key, ms, units })) ?? [],
  }
}
