import type { ClientHttp2Session } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { setTimeout as pause } from 'node:timers/promises'
import { Tensor } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'
import { limits } from '../../src/wire/limits.ts'
import { HEADERS, head, message, open, request, send, startOf } from './wire.ts'

const KIB = 1024
const MIB = 1024 ** 2

export interface Abuse {
  readonly about: string
  /** It needs the type of `objects.mjs`. */
  readonly busy?: true
  /** Goes on until it is over. */
  run(address: string, over: () => boolean): Promise<void>
}

const opened = (address: string, count: number, window?: number): Promise<ClientHttp2Session[]> =>
  Promise.all(Array.from({ length: count }, () => open(address, window)))
/** A session that can be used: broken ones are opened again. */
const alive = async (address: string, sessions: ClientHttp2Session[], index: number, window?: number): Promise<ClientHttp2Session> => {
  const at = index % sessions.length
  const session = sessions[at]
  if (session !== undefined && !session.destroyed && !session.closed) return session
  await pause(20)
  return (sessions[at] = await open(address, window))
}
/** Begins something on a connection after another, at most `most` at a time. */
const flood =
  (
    { connections, most, window }: { connections: number; most: number; window?: number },
    each: (session: ClientHttp2Session, index: number) => Promise<{ once(event: 'close', then: () => void): unknown } | undefined>,
  ): Abuse['run'] =>
  async (address, over) => {
    const sessions = await opened(address, connections, window)
    let under = 0
    for (let index = 0; !over(); index++) {
      if (under >= most) {
        await pause(20)
        continue
      }
      const session = await alive(address, sessions, index, window)
      if (session.destroyed || session.closed) continue
      const stream = await each(session, index).catch(() => undefined)
      if (stream !== undefined) {
        under++
        stream.once('close', () => under--)
      }
      if (index % 50 === 0) await pause(1)
    }
    for (const session of sessions) session.destroy()
  }

/** Calls of one frame. `reading` false: their results are never taken. */
const calls = (
  bounds: { connections: number; most: number; window?: number },
  frame: (index: number) => readonly Buffer[],
  reading = true,
): Abuse['run'] =>
  flood(bounds, async (session, index) => {
    const stream = request(session)
    if (reading) stream.resume()
    for (const bytes of frame(index)) await send(stream, bytes)
    stream.end()
    return stream
  })

const echo = (value: Value) => message(startOf('site', 'main', 'echo', [value]))
/** A method that makes much of little. */
const made = (type: string, method: string, args: readonly Value[]) =>
  calls({ connections: 2, most: 20 }, () => [message(startOf(type, 'main', method, args))])
const chunked = (bytes: number, sent: number): readonly Buffer[] => [
  message({
    start: {
      type: 'site',
      object: 'main',
      method: 'echo',
      callId: 'abuse-upload',
      arguments: {
        body: Buffer.from([0x91, 0xd6, 1, 0, 0, 0, 0]),
        segments: [{ dtype: 'bytes', shape: [], byteLength: bytes }],
        inline: Buffer.alloc(0),
      },
    },
  }),
  ...Array.from({ length: Math.floor(sent / MIB) }, () => message({ chunk: Buffer.alloc(MIB) })),
]
const nested = (depth: number): Value => (depth === 0 ? [] : [nested(depth - 1)])

export const abuses = {
  nothing: {
    about: 'no abuse: what the machine itself does to the figures',
    async run(_address, over) {
      while (!over()) await pause(100)
    },
  },
  silent: {
    about: 'streams that are opened and say nothing, on 4 connections',
    run: flood({ connections: 4, most: 16_000 }, (session) => Promise.resolve(request(session))),
  },
  dribble: {
    about: '2,000 messages that come by a byte each 100 ms',
    run: flood({ connections: 4, most: 2000 }, async (session) => {
      const stream = request(session)
      await send(stream, head(MIB))
      const timer = setInterval(() => stream.write(Buffer.alloc(1)), 100)
      stream.once('close', () => clearInterval(timer))
      return stream
    }),
  },
  partial: {
    about: 'messages of 16 MiB of which 15 come',
    run: flood({ connections: 2, most: 40 }, async (session) => {
      const stream = request(session)
      await send(stream, Buffer.concat([head(16 * MIB - 1), Buffer.alloc(15 * MIB)]))
      return stream
    }),
  },
  'small-partial': {
    about: '4,000 messages of 100 KB of which a byte lacks',
    run: flood({ connections: 8, most: 4000 }, async (session) => {
      const stream = request(session)
      await send(stream, Buffer.concat([head(100_000), Buffer.alloc(99_999)]), 200)
      return stream
    }),
  },
  pieces: {
    about: 'messages of 1 MiB in pieces of one byte',
    run: flood({ connections: 2, most: 50 }, async (session) => {
      const stream = request(session)
      void (async () => {
        stream.write(head(MIB))
        for (let at = 0; at < MIB && !stream.closed; at++) if (!stream.write(Buffer.alloc(1))) await pause(1)
      })()
      return Promise.resolve(stream)
    }),
  },
  stalled: {
    about: 'uploads of 60 MiB that stall after 40',
    run: flood({ connections: 4, most: 30 }, async (session) => {
      const stream = request(session)
      for (const bytes of chunked(60 * MIB, 40 * MIB)) await send(stream, bytes)
      return stream
    }),
  },
  announced: {
    about: 'calls that announce 60 MiB and send a chunk',
    run: flood({ connections: 4, most: 500 }, async (session) => {
      const stream = request(session)
      for (const bytes of chunked(60 * MIB, MIB)) await send(stream, bytes)
      return stream
    }),
  },
  unread: {
    about: 'results of 7 MiB that nobody reads',
    run: calls({ connections: 4, most: 40, window: 65_535 }, () => chunked(7 * MIB, 7 * MIB), false),
  },
  'unread-made': {
    about: 'results of 15 MiB that a method makes and nobody reads',
    busy: true,
    run: calls({ connections: 4, most: 40, window: 65_535 }, () => [message(startOf('busy', 'a', 'make', [15 * MIB]))], false),
  },
  'unread-small': {
    about: 'thousands of results of 60 KiB that nobody reads',
    run: calls({ connections: 8, most: 4000, window: 0 }, () => [echo(Buffer.alloc(60 * KIB))], false),
  },
  waiters: {
    about: 'calls of 200 KiB that wait for a busy object and give up after 250 ms',
    busy: true,
    async run(address, over) {
      const holder = await open(address)
      const keep = request(holder)
      keep.resume()
      keep.end(message(startOf('busy', 'a', 'hold', [3_600_000])))
      await flood({ connections: 2, most: 200 }, async (session) => {
        const stream = request(session, { ...HEADERS, 'grpc-timeout': '250m' })
        stream.resume()
        await send(stream, message(startOf('busy', 'a', 'put', [Buffer.alloc(200 * KIB)], { budgetMs: 250 })))
        stream.end()
        setTimeout(() => stream.close(8), 250)
        return stream
      })(address, over)
      holder.destroy()
    },
  },
  chain: {
    about: 'calls that name a chain of calls that they are not made in',
    busy: true,
    run: calls({ connections: 4, most: 3000 }, () => [message(startOf('busy', 'a', 'wait', [1000], { chain: ['x'] }))]),
  },
  gone: {
    about: 'connections that break in the middle of uploads and results',
    busy: true,
    async run(address, over) {
      while (!over()) {
        const session = await open(address)
        for (let i = 0; i < 20; i++) void send(request(session), Buffer.concat(chunked(4 * MIB, (i % 4) * MIB)))
        for (let i = 0; i < 5; i++) request(session).end(message(startOf('busy', 'a', 'make', [4 * MIB])))
        await pause(50)
        session.destroy()
      }
    },
  },
  connections: {
    about: '2,000 connections, and more as they are closed',
    async run(address, over) {
      const sessions: ClientHttp2Session[] = []
      for (let index = 0; !over(); index++) {
        await alive(address, sessions.length < 2000 ? (sessions.push(await open(address)), sessions) : sessions, index)
        if (index % 10 === 0) await pause(1)
      }
      for (const session of sessions) session.destroy()
    },
  },
  headers: {
    about: 'streams with 60 KiB of headers each',
    run: flood({ connections: 4, most: 4000 }, (session, index) =>
      Promise.resolve(request(session, { ...HEADERS, 'x-large': `${index}`.padEnd(60_000, 'x') })),
    ),
  },
  compressed: {
    about: 'messages that decompress to 16 MiB',
    run: (() => {
      const zipped = gzipSync(Buffer.alloc(16 * MIB - 16))
      const bytes = Buffer.concat([head(zipped.byteLength, 1), zipped])
      return flood({ connections: 2, most: 200 }, async (session) => {
        const stream = request(session, { ...HEADERS, 'grpc-encoding': 'gzip' })
        await send(stream, bytes)
        return stream
      })
    })(),
  },
  lists: {
    about: 'bodies of 8 MiB of small values, which take far more memory than bytes',
    run: calls({ connections: 2, most: 20 }, () => [
      message({
        start: {
          type: 'site',
          object: 'main',
          method: 'echo',
          callId: 'abuse-lists',
          arguments: {
            body: Buffer.concat([Buffer.from([0x91, 0xdd, 0, 0x3c, 0, 0]), Buffer.alloc(2 * 0x3c0000, Buffer.from([0xa1, 0x61]))]).subarray(
              0,
              limits.bodyBytes,
            ),
            segments: [],
            inline: Buffer.alloc(0),
          },
        },
      }),
    ]),
  },
  containers: {
    about: 'bodies of a million lists',
    run: calls({ connections: 2, most: 20 }, () => [echo(Array.from({ length: 900_000 }, () => []))]),
  },
  deep: {
    about: 'small calls, nested as deep as may be, without a pause',
    run: calls({ connections: 4, most: 400 }, () => [echo([nested(60)])]),
  },
  resize: {
    about: 'calls of 300 bytes that resize a picture of 1 pixel to 9,000 x 9,000',
    run: made('pipeline', 'runRaw', [
      { ops: [{ op: 'resize', width: 9000, height: 9000 }, { op: 'normalize' }] },
      new Tensor('uint8', new Uint8Array(3), [1, 1, 1, 3]),
      ['x'],
      { seed: 0, epoch: 0 },
    ]),
  },
  pad: {
    about: 'calls of 300 bytes that pad texts to a million tokens',
    run: made('pipeline', 'run', [
      {
        ops: [
          { op: 'tokenize', level: 'byte' },
          { op: 'pad', length: 1_048_576, output: 'none' },
        ],
      },
      Array.from({ length: 300 }, (_, index) => ({ id: String(index), content: Buffer.from('x') })),
      { seed: 0, epoch: 0 },
    ]),
  },
} satisfies Record<string, Abuse>

export type AbuseName = keyof typeof abuses
export const abuseNames = Object.keys(abuses) as AbuseName[]
