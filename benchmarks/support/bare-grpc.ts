import { fileURLToPath } from 'node:url'
import {
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  Client,
  credentials,
  loadPackageDefinition,
  type ServiceDefinition,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { channelOptions } from '../../src/wire/protocol.ts'
import { MIB } from './processes.ts'

export interface Payload {
  readonly data?: Uint8Array
  readonly bytes?: number
}
/** As the loader gives it: with defaults. */
export interface Whole {
  readonly data: Buffer
  readonly bytes: number
}

type Answered = (error: Error | null, answer?: Whole) => void
/** Not ServiceClientConstructor, whose methods may be undefined. */
interface BareConstructor {
  new (...args: ConstructorParameters<typeof Client>): BareClient
  readonly service: ServiceDefinition
}
interface BareClient extends Client {
  Echo(request: Payload, options: { deadline: number }, answered: Answered): ClientUnaryCall
  Up(options: { deadline: number }, answered: Answered): ClientWritableStream<Payload>
  Down(request: Payload, options: { deadline: number }): ClientReadableStream<Whole>
}

const protoFile = fileURLToPath(new URL('./bare.proto', import.meta.url))
const definition = loadSync(protoFile, { longs: Number, enums: String, defaults: true, oneofs: true })
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js cannot know what the file beside this one declares
const { bare } = loadPackageDefinition(definition) as unknown as { bare: { Bare: BareConstructor } }
export const bareService = bare.Bare.service

/** What active-storage sends as one chunk too. */
export const CHUNK = MIB
/** The deadline that both sides put on every call. */
export const DEADLINE_MS = 120_000
const deadline = () => ({ deadline: Date.now() + DEADLINE_MS })

const settled =
  (resolve: (answer: Whole) => void, reject: (error: Error) => void): Answered =>
  (error, answer) =>
    error === null && answer !== undefined ? resolve(answer) : reject(error ?? new Error('no answer'))

/** Writes a buffer in chunks, no faster than they are taken. */
export const writeChunks = async (
  stream: { write(payload: Payload): boolean; once(event: 'drain', listener: () => void): unknown },
  whole: Uint8Array,
): Promise<void> => {
  for (let from = 0; from < whole.byteLength; from += CHUNK) {
    const more = stream.write({ data: whole.subarray(from, from + CHUNK), bytes: from === 0 ? whole.byteLength : 0 })
    if (!more) await new Promise<void>((resolve) => stream.once('drain', resolve))
  }
}

/** Gathers chunks in one buffer, made when the first says how large. */
export const gather = () => {
  let whole = Buffer.alloc(0)
  let filled = 0
  return {
    push: ({ data, bytes }: Whole) => {
      if (filled === 0) whole = Buffer.allocUnsafeSlow(bytes)
      whole.set(data, filled)
      filled += data.byteLength
    },
    whole: () => (filled === whole.byteLength ? whole : undefined),
  }
}

/** The same calls as through active-storage, made with nothing but grpc-js. */
export const bareClient = (address: string) => {
  const client = new bare.Bare(address, credentials.createInsecure(), { ...channelOptions, 'grpc.use_local_subchannel_pool': 1 })
  return {
    echo: (data: Uint8Array, wanted: number): Promise<Whole> =>
      new Promise((resolve, reject) => client.Echo({ data, bytes: wanted }, deadline(), settled(resolve, reject))),
    up: (whole: Uint8Array): Promise<Whole> =>
      new Promise((resolve, reject) => {
        const stream = client.Up(deadline(), settled(resolve, reject))
        void writeChunks(stream, whole).then(() => stream.end())
      }),
    down: (bytes: number): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const stream = client.Down({ bytes }, deadline())
        const gathered = gather()
        stream.on('data', gathered.push)
        stream.on('end', () => resolve(gathered.whole() ?? Buffer.alloc(0)))
        stream.on('error', reject)
      }),
    close: () => client.close(),
  }
}
export type Bare = ReturnType<typeof bareClient>
