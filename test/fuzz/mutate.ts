import { constants } from 'node:http2'
import { gzipSync } from 'node:zlib'
import type { CallStartIn } from '../../src/wire/gen/active_storage/v1/CallStart.ts'
import type { SegmentIn } from '../../src/wire/gen/active_storage/v1/Segment.ts'
import type { ValueIn } from '../../src/wire/gen/active_storage/v1/Value.ts'
import { protocol } from '../../src/wire/protocol.ts'
import { blind, splice } from './blind.ts'
import { anyArguments, mutateBody, words } from './bodies.ts'
import { type Recorded, record } from './corpus.ts'
import type { Dice } from './dice.ts'
import { diceFor } from './dice.ts'
import { extremes, protobufLengths, withLength } from './lengths.ts'
import type { Plan, Step } from './plan.ts'

const METHODS: readonly (readonly [string, string])[] = [
  ['site', 'describe'],
  ['site', 'stats'],
  ['site', 'list'],
  ['site', 'echo'],
  ['site', 'dropCaches'],
  ['dataset', 'put'],
  ['dataset', 'adopt'],
  ['dataset', 'describe'],
  ['dataset', 'count'],
  ['dataset', 'list'],
  ['dataset', 'sample'],
  ['dataset', 'read'],
  ['content', 'fetch'],
  ['content', 'supply'],
  ['content', 'has'],
  ['pipeline', 'put'],
  ['pipeline', 'describe'],
  ['pipeline', 'run'],
  ['pipeline', 'runRaw'],
  ['batch', 'preprocess'],
  ['batch', 'forward'],
  ['batch', 'whole'],
  ['model', 'put'],
  ['model', 'describe'],
  ['model', 'forward'],
]
const DTYPES = [
  'float32',
  'float64',
  'uint8',
  'int64',
  'bool',
  'string',
  'float16',
  'uint4',
  'bytes',
  'complex64',
  '__proto__',
  'constructor',
  '',
]

type Start = Recorded['start']
const bufferOf = (bytes: Uint8Array | string | null | undefined | object): Buffer =>
  bytes instanceof Uint8Array ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.alloc(0)
const withValue = (start: Start, change: Partial<ValueIn>): Start => ({ ...start, arguments: { ...start.arguments, ...change } })
const extreme = (dice: Dice): string => dice.pick(extremes).toString()

const mutateSegment = (dice: Dice, segment: SegmentIn): SegmentIn => {
  switch (dice.below(4)) {
    case 0:
      return { ...segment, dtype: dice.pick([...DTYPES, ...words]) }
    case 1:
      return { ...segment, byteLength: extreme(dice) }
    case 2:
      return {
        ...segment,
        shape: Array.from({ length: dice.pick([0, 1, 2, 3, 31, 32, 33, 200]) }, () => dice.pick([0, 1, 2, 3, 65_536, extreme(dice)])),
      }
    default:
      return { ...segment, byteLength: Math.max(0, Number(segment.byteLength ?? 0) + dice.pick([-4, -1, 1, 4])) }
  }
}

/** Changes to the first message that keep it a message. */
const mutateStart = (dice: Dice, start: Start): Start => {
  const { segments = [], inline } = start.arguments
  const held = bufferOf(inline)
  switch (dice.below(16)) {
    case 0:
      return { ...start, budgetMs: dice.pick([NaN, Infinity, -Infinity, -1, 0, 5e-324, 1, 1.5, 1e308, 2 ** 31, 2 ** 53]) }
    case 1:
      return { ...start, expectedVersion: extreme(dice) }
    case 2:
      // On an object of its own: it would fence every later call.
      return { ...start, object: `fenced-${dice.below(50)}`, fencingToken: extreme(dice) }
    case 3:
      return {
        ...start,
        chain: Array.from({ length: dice.pick([1, 2, 255, 256, 257, 5000]) }, () =>
          dice.pick(['dataset/photos', 'a/b', '', '/', 'x'.repeat(200), '__proto__']),
        ),
      }
    case 4:
      return { ...start, [dice.pick(['type', 'object', 'method', 'callId', 'idempotencyKey'])]: dice.pick(words) }
    case 5: {
      const [type, method] = dice.pick(METHODS)
      return { ...start, type, method }
    }
    case 6:
      return withValue(start, { segments: [...segments, ...segments].slice(0, 5000) })
    case 7:
      return withValue(start, { segments: [] })
    case 8:
      return withValue(start, {
        inline: dice.pick([Buffer.alloc(0), held.subarray(0, held.length >> 1), Buffer.concat([held, dice.bytes(1 + dice.below(9))])]),
      })
    case 9: {
      const count = dice.pick([65_535, 65_536, 65_537, 1_000_000])
      // Rarely: these are the largest messages of all.
      return dice.oneIn(20) ? withValue(start, { segments: Array.from({ length: count }, () => ({ dtype: 'bytes' })) }) : start
    }
    case 10:
    case 11: {
      const target = segments.length === 0 ? { dtype: 'uint8', shape: [4], byteLength: 4 } : dice.pick(segments)
      const changed = segments.map((segment) => (segment === target ? mutateSegment(dice, segment) : segment))
      return withValue(start, { segments: segments.length === 0 ? [mutateSegment(dice, target)] : changed })
    }
    case 12: {
      const [type, method] = dice.pick(METHODS)
      const { arguments: values } = record(type, 'main', method, anyArguments(dice)).start
      return { ...start, type, method, object: dice.pick(['main', 'photos', 'p', 'm', 'other']), arguments: values }
    }
    default:
      return withValue(start, { body: mutateBody(dice, bufferOf(start.arguments.body)) })
  }
}

const frameOf = (start: CallStartIn) => protocol.ClientFrame.serialize({ start })
const chunkOf = (chunk: Buffer) => protocol.ClientFrame.serialize({ chunk })

/** Frames in another order, number or size than the start announces. */
const mutateFrames = (dice: Dice, frames: readonly Buffer[]): Buffer[] => {
  const [first = Buffer.alloc(0), ...rest] = frames
  const stray = () => chunkOf(dice.pick([Buffer.alloc(0), dice.bytes(5), Buffer.alloc(70_000)]))
  const at = dice.below(frames.length + 1)
  switch (dice.below(8)) {
    case 0:
      return [stray(), ...frames]
    case 1:
      return [...frames, stray()]
    case 2:
      return [...frames.slice(0, at), stray(), ...frames.slice(at)]
    case 3:
      return [first, first, ...rest]
    case 4:
      return [...frames, first]
    case 5:
      return [...frames.slice(0, at), Buffer.alloc(0), ...frames.slice(at)]
    case 6:
      return frames.slice(0, -1)
    default: {
      // A start and a chunk in one message.
      return [Buffer.concat([first, stray()]), ...rest]
    }
  }
}

/** Damage to one message's own encoding. */
const mutateBytes = (dice: Dice, frame: Buffer, other: Buffer): Buffer => {
  switch (dice.below(4)) {
    case 0: {
      const lengths = protobufLengths(frame)
      return lengths.length === 0 ? blind(dice, frame) : withLength(frame, dice.pick(lengths), dice.pick(extremes))
    }
    case 1:
      return splice(dice, frame, other)
    case 2:
      // Groups, which nothing uses: a reader must skip them all the same, however deep.
      return Buffer.concat([frame, Buffer.alloc(dice.pick([1, 64, 20_000]), 0x1b)])
    default:
      return blind(dice, frame)
  }
}

/** How the client behaves when it has sent what it has. */
const ending = (dice: Dice, sends: readonly Step[]): Step[] => {
  const end: Step = { do: 'end' }
  const at = dice.below(sends.length + 1)
  switch (dice.below(24)) {
    case 0:
      return [...sends]
    case 1:
      return [...sends.slice(0, at), { do: 'cancel' }]
    case 2:
      return [...sends, end, { do: 'cancel' }]
    case 3:
      return [...sends.slice(0, at), end]
    default:
      return [...sends, end]
  }
}

const framed = (message: Buffer, flag = 0, length = message.length): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt8(flag, 0)
  head.writeUInt32BE(length >>> 0, 1)
  return Buffer.concat([head, message])
}

/** A stream whose gRPC framing or headers are broken as well. */
const onStream = (dice: Dice, frames: readonly Buffer[], plain: readonly Step[]): Pick<Plan, 'level' | 'steps' | 'headers'> => {
  const rest = plain.filter((step) => step.do !== 'send')
  const send = (bytes: Buffer): Step => ({ do: 'send', bytes })
  const whole = Buffer.concat(frames.map((frame) => framed(frame)))
  const [first = Buffer.alloc(0)] = frames
  const level = 'http2' as const
  switch (dice.below(12)) {
    case 0:
      return {
        level,
        steps: [
          send(
            framed(
              first,
              0,
              dice.pick([
                0,
                1,
                first.length - 1,
                first.length + 1,
                first.length * 2,
                16 * 2 ** 20,
                16 * 2 ** 20 + 1,
                0x7fffffff,
                0xffffffff,
              ]),
            ),
          ),
          ...rest,
        ],
      }
    case 1:
      return { level, steps: [send(framed(first, dice.pick([1, 2, 0x80, 0xff]))), ...rest] }
    case 2: {
      const encoding = dice.pick(['gzip', 'deflate', 'identity', 'br', 'snappy', ''])
      const squeezed = dice.pick([first, gzipSync(first), gzipSync(first).subarray(0, 20), gzipSync(Buffer.alloc(200_000))])
      return { level, steps: [send(framed(squeezed, 1)), ...rest], headers: { 'grpc-encoding': encoding } }
    }
    case 3:
      return { level, steps: [send(whole.subarray(0, dice.below(whole.length + 1))), ...rest] }
    case 4:
      return { level, steps: [{ do: 'end' }] }
    case 5:
      return {
        level,
        steps: [
          send(whole.subarray(0, dice.below(whole.length + 1))),
          {
            do: 'cancel',
            code: dice.pick([
              constants.NGHTTP2_CANCEL,
              constants.NGHTTP2_PROTOCOL_ERROR,
              constants.NGHTTP2_INTERNAL_ERROR,
              constants.NGHTTP2_REFUSED_STREAM,
              constants.NGHTTP2_ENHANCE_YOUR_CALM,
            ]),
          },
        ],
      }
    case 6: {
      // A flood within what HTTP/2 lets through.
      const headers = Object.fromEntries(
        Array.from({ length: dice.pick([1, 20, 50, 100, 300]) }, (_, index) => [`x-flood-${index}`, 'y'.repeat(dice.pick([1, 100]))]),
      )
      return { level, steps: [send(whole), ...rest], headers }
    }
    case 7: {
      const name = dice.pick(['content-type', 'te', 'grpc-timeout', ':path', ':method', 'grpc-encoding', 'x-bin'])
      const value: Readonly<Record<string, readonly (string | undefined)[]>> = {
        'content-type': [undefined, 'text/plain', 'application/grpc', 'application/grpc+json', ''],
        te: [undefined, 'trailers'],
        'grpc-timeout': ['', '0m', '1n', '99999999H', '-5S', 'soon', '5', '1m', '500m'],
        ':path': ['/', '/nope', '/active_storage.v1.StorageNode/Nope', '/active_storage.v1.StorageNode/Call/', `/${'x'.repeat(5000)}`],
        ':method': ['GET', 'PUT', 'DELETE'],
        'grpc-encoding': ['gzip', 'x'],
        'x-bin': ['!!! no base64', 'AAAA', ''],
      }
      return { level, steps: [send(whole), ...rest], headers: { [name]: dice.pick(value[name] ?? ['']) } }
    }
    case 8: {
      // The same bytes in many small pieces.
      const size = 1 + dice.below(64)
      const pieces = Array.from({ length: Math.min(200, Math.ceil(whole.length / size)) }, (_, index) =>
        send(whole.subarray(index * size, (index + 1) * size)),
      )
      const sent = pieces.length * size
      return { level, steps: [...pieces, ...(sent < whole.length ? [send(whole.subarray(sent))] : []), ...rest] }
    }
    case 9:
      return { level, steps: [send(Buffer.concat([whole, dice.bytes(1 + dice.below(8))])), ...rest] }
    case 10:
      return { level, steps: [send(blind(dice, whole)), ...rest] }
    default:
      return { level, steps: [send(dice.bytes(dice.below(200))), ...rest] }
  }
}

/** The plan of an index: a pure function of the corpus, the seed and the index. */
export const planOf = (corpus: readonly Recorded[], seed: number, index: number): Plan => {
  const dice = diceFor(seed, index)
  const small = corpus.filter(({ chunks, start }) => chunks.length === 0 && bufferOf(start.arguments.inline).length < 100_000)
  const pick = () => dice.pick(dice.oneIn(25) ? corpus : small)
  const base = pick()
  const done: string[] = []
  let { start } = base
  start = { ...start, callId: `fuzz-${seed}-${index}` }
  // Half of them are damaged in one way only, so that they come far.
  const rounds = dice.pick([0, 1, 1, 1, 2, 3])
  for (let round = 0; round < rounds; round++) {
    start = mutateStart(dice, start)
    done.push('start')
  }
  let frames = [frameOf(start), ...base.chunks.map((chunk) => chunkOf(chunk))]
  if (dice.oneIn(6)) {
    frames = mutateFrames(dice, frames)
    done.push('frames')
  }
  if (frames.length > 0 && dice.oneIn(rounds === 0 ? 2 : 8)) {
    const at = dice.below(frames.length)
    frames[at] = mutateBytes(dice, frames[at] ?? Buffer.alloc(0), frameOf(pick().start))
    done.push('bytes')
  }
  const steps = ending(
    dice,
    frames.map((bytes): Step => ({ do: 'send', bytes })),
  )
  const about = `${base.start.type}.${base.start.method}${done.length === 0 ? '' : ` + ${done.join(' + ')}`}`
  if (dice.oneIn(6)) return { index, about: `${about} + http2`, ...onStream(dice, frames, steps) }
  return { index, about, level: 'grpc', steps }
}
