import { connect, type ClientHttp2Session, constants, type IncomingHttpHeaders } from 'node:http2'
import { Client, credentials, Metadata, status, type StatusObject } from '@grpc/grpc-js'
import { failureOf } from '../../src/wire/failure.ts'
import { channelOptions, protocol, trailers } from '../../src/wire/protocol.ts'
import type { Plan } from './plan.ts'

/** How a call ended. */
export interface Outcome {
  /** A gRPC status; undefined where the stream ended without one. */
  readonly status: number | undefined
  readonly details: string
  /** What the node said of it, where it did. */
  readonly failure: { readonly code: string; readonly message: string; readonly method: string } | undefined
  /** True where the client's own clock ended it. */
  readonly late: boolean
}

export interface Sender {
  send(plan: Plan, deadlineMs: number): Promise<Outcome>
  close(): void
}

const PATH = protocol.StorageNode.service.Call.path
const same = (bytes: Buffer) => bytes

const failureIn = (metadata: Metadata, code: number, details: string): Outcome['failure'] => {
  if (metadata.get(trailers.failure).length === 0) return undefined
  const known = failureOf(Object.assign(new Error(details), { code, details, metadata }))
  const { object = '', method = '' } = known.origin
  return { code: known.code, message: known.text, method: `${object.split('/')[0]}.${method}` }
}

/** Bytes as messages of right gRPC calls, by one connection. */
const grpcSender = (address: string): Sender => {
  const client = new Client(address, credentials.createInsecure(), { ...channelOptions, 'grpc.max_send_message_length': -1 })
  return {
    send: (plan, deadlineMs) =>
      new Promise((resolve) => {
        const call = client.makeBidiStreamRequest(PATH, same, same, { deadline: Date.now() + deadlineMs })
        const cancelled = plan.steps.some((step) => step.do === 'cancel')
        let late = false
        const clock = setTimeout(() => {
          // The deadline of grpc-js must have fired before this one.
          late = true
          call.cancel()
        }, deadlineMs + 2000)
        call.on('data', () => undefined)
        call.on('error', () => undefined)
        call.on('status', ({ code, details, metadata }: StatusObject) => {
          clearTimeout(clock)
          const failure = failureIn(metadata, code, details)
          resolve({
            status: code,
            details,
            failure,
            late: late || (code === status.DEADLINE_EXCEEDED && failure === undefined && !cancelled),
          })
        })
        for (const step of plan.steps) {
          if (step.do === 'send') call.write(step.bytes)
          else if (step.do === 'end') call.end()
          // After what was written has gone out, or there would be nothing to cancel at the node.
          else setImmediate(() => call.cancel())
        }
      }),
    close: () => client.close(),
  }
}

const headersOf = (more: Plan['headers'] = {}): Record<string, string | string[]> => {
  const all: Record<string, string | readonly string[] | undefined> = {
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, typeof value === 'string' ? value : [...value]]])),
  )
}

/** A node turns a connection away on which too many streams were broken: a new one comes first. */
const STREAMS_PER_SESSION = 100

/** Bare HTTP/2 streams, by connections that follow each other. */
const http2Sender = (address: string): Sender => {
  let session: ClientHttp2Session | undefined
  let streams = 0
  const open = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed && streams++ < STREAMS_PER_SESSION) return session
    session?.close()
    streams = 0
    session = connect(`http://${address}`)
    session.on('error', () => undefined)
    return session
  }
  return {
    send: (plan, deadlineMs) =>
      new Promise((resolve) => {
        const stream = open().request(headersOf(plan.headers), { endStream: plan.steps.every((step) => step.do === 'end') })
        let seen: IncomingHttpHeaders = {}
        let late = false
        const clock = setTimeout(() => {
          late = true
          stream.destroy()
        }, deadlineMs)
        stream.on('response', (headers) => (seen = { ...seen, ...headers }))
        stream.on('trailers', (headers) => (seen = { ...seen, ...headers }))
        stream.on('data', () => undefined)
        stream.on('error', () => undefined)
        stream.on('close', () => {
          clearTimeout(clock)
          const code = Number(seen['grpc-status'] ?? NaN)
          const http = Number(seen[':status'] ?? 0)
          const details = String(seen['grpc-message'] ?? `HTTP ${http}, stream closed with ${stream.rstCode}`)
          const status = Number.isNaN(code) ? undefined : code
          resolve({ status, details, failure: failureIn(Metadata.fromHttp2Headers(seen), code, details), late })
        })
        for (const step of plan.steps) {
          if (step.do === 'send') stream.write(step.bytes, () => undefined)
          else if (step.do === 'end') stream.end()
          else setImmediate(() => stream.close(step.code ?? constants.NGHTTP2_CANCEL))
        }
      }),
    close: () => session?.close(),
  }
}

/** Does what plans say. */
export const createSender = (address: string): Sender => {
  const levels = { grpc: grpcSender(address), http2: http2Sender(address) }
  return {
    send: (plan, deadlineMs) => levels[plan.level].send(plan, deadlineMs),
    close: () => {
      levels.grpc.close()
      levels.http2.close()
    },
  }
}
