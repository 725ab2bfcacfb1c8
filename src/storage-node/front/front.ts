import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Server } from '@grpc/grpc-js'
import { failure, toFailure } from '../../core/errors.ts'
import { limits } from '../../wire/limits.ts'
import { channelOptions } from '../../wire/protocol.ts'
import type { Admission } from '../admission.ts'
import { createConnections } from './connections.ts'
import { defaultPace, Intake, type Pace } from './intake.ts'
import { refuse } from './refuse.ts'
import { createStreams } from './streams.ts'

export interface FrontLimits {
  readonly connections: number
  /** Streams whose other end is waited for, of all connections. */
  readonly waiting: number
  /** Streams open at the same time on one connection: its caller waits with the next. */
  readonly connectionStreams: number
}

export interface Front {
  /** To be called once the server listens. */
  guard(server: Server): void
  /** The stream that gRPC handles now: it calls the handler of a call while it takes the stream on. */
  current(): Intake | undefined
  /** Streams that are open. */
  readonly streams: number
  /** Looks at the pace of all streams; by itself it does so each second. */
  sweep(): void
  close(): void
}

const SWEEP_MS = 1000
/** Of a request: names, deadlines, trace context. */
const HEADER_BYTES = 16 * 1024
/** Messages to other services than the node's own. */
const OTHER_BYTES = 64 * 1024
const OWN_PATH = '/active_storage.v1.StorageNode/Call'

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...more: readonly unknown[]) => void

/**
 * Stands between HTTP/2 and gRPC. gRPC takes on whatever comes: connections, streams, and the bytes of messages that are
 * not whole, and neither counts nor ends them. Here they are counted from the first byte on, bounded, and ended where
 * their other end does not get on.
 */
export const createFront = (bounds: FrontLimits, admission: Admission, pace: Pace = defaultPace): Front => {
  const connections = createConnections(bounds.connections)
  const streams = createStreams({ waiting: bounds.waiting, others: Math.ceil(bounds.waiting / 8) })
  let current: Intake | undefined
  let timer: NodeJS.Timeout | undefined

  const taking =
    (handle: OnStream): OnStream =>
    (stream, headers, ...more) => {
      const other = headers[':path'] !== OWN_PATH
      const connection = connections.of(stream.session)
      connection.opened()
      try {
        streams.makeRoom(connection, other)
      } catch (error) {
        return refuse(stream, toFailure(error))
      }
      // To make room may have ended its very connection.
      if (stream.destroyed) return
      const sizes = other ? { first: OTHER_BYTES, later: OTHER_BYTES } : { first: limits.startBytes, later: limits.messageBytes }
      const intake = new Intake(stream, admission.hold, sizes, pace, other)
      streams.add({ intake, connection, other })
      stream.once('close', () => {
        intake.over()
        streams.remove(intake)
      })
      current = intake
      try {
        handle(stream, headers, ...more)
      } finally {
        current = undefined
      }
    }
  const guardOne = (server: Http2Server): void => {
    server.updateSettings({
      // grpc-js widens what a client receives, and not what a server does: an upload then makes 64 KiB a round trip, which
      // is 3 MB/s where that takes 20 ms, and less where many small calls go beside it.
      initialWindowSize: channelOptions['grpc-node.flow_control_window'],
      maxConcurrentStreams: bounds.connectionStreams,
      maxHeaderListSize: HEADER_BYTES,
    })
    server.prependListener('session', (session: ServerHttp2Session) => {
      session.setLocalWindowSize(channelOptions['grpc-node.flow_control_window'])
      connections.open(session)
    })
    const handlers = server.listeners('stream')
    server.removeAllListeners('stream')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what listens to streams takes what the event brings
    for (const handle of handlers) server.on('stream', taking(handle as OnStream))
  }

  return {
    guard(server) {
      // No public way leads there.
      const listening: unknown = Reflect.get(server, 'http2Servers')
      if (!(listening instanceof Map) || listening.size === 0)
        throw failure('internal', 'this version of grpc-js does not show its HTTP/2 servers, so that their streams cannot be bounded')
      for (const one of listening.keys() as Iterable<Http2Server>) guardOne(one)
      timer = setInterval(() => streams.sweep(), SWEEP_MS)
      timer.unref()
    },
    current: () => current,
    get streams() {
      return streams.size
    },
    sweep: () => streams.sweep(),
    close: () => clearInterval(timer),
  }
}
