import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { once } from 'node:events'
import type { Value } from '../../src/core/value.ts'
import { newCallId } from '../../src/core/ids.ts'
import { encodeClientFrame } from '../../src/wire/frame-codec.ts'
import { outgoing } from '../../src/wire/frames.ts'
import type { ClientFrameIn } from '../../src/wire/gen/active_storage/v1/ClientFrame.ts'

/** Callers that keep no rule: HTTP/2 as it is, without a gRPC client that would be polite. */

const CALL = '/active_storage.v1.StorageNode/Call'
export const HEADERS = { ':method': 'POST', ':path': CALL, 'content-type': 'application/grpc', te: 'trailers' } as const

/** A connection whose breaks are nobody's concern. */
export const open = async (address: string, initialWindowSize?: number): Promise<ClientHttp2Session> => {
  const session = connect(`http://${address}`, initialWindowSize === undefined ? {} : { settings: { initialWindowSize } })
  session.on('error', () => undefined)
  await Promise.race([once(session, 'connect'), once(session, 'close')])
  return session
}

export const request = (session: ClientHttp2Session, headers: Readonly<Record<string, string>> = HEADERS): ClientHttp2Stream => {
  const stream = session.request({ ...headers }, { endStream: false })
  stream.on('error', () => undefined)
  return stream
}

/** The five bytes before a message. */
export const head = (length: number, flag = 0): Buffer => {
  const bytes = Buffer.alloc(5)
  bytes[0] = flag
  bytes.writeUInt32BE(length, 1)
  return bytes
}
export const message = (frame: ClientFrameIn): Buffer => {
  const bytes = encodeClientFrame(frame)
  return Buffer.concat([head(bytes.byteLength), bytes])
}

type Start = NonNullable<ClientFrameIn['start']>
export const startOf = (
  type: string,
  object: string,
  method: string,
  args: readonly Value[],
  more: Partial<Start> = {},
): ClientFrameIn => ({
  start: { type, object, method, callId: newCallId(), arguments: outgoing(args).head, ...more },
})

/** Resolves when all of it is sent, or the stream is gone, or it has waited long enough. */
export const send = (stream: ClientHttp2Stream, bytes: Buffer, ms = 1000): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const done = () => {
      clearTimeout(timer)
      stream.off('close', done)
      resolve()
    }
    if (stream.destroyed || stream.closed) return done()
    stream.once('close', done)
    stream.write(bytes, done)
  })
