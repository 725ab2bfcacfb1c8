// Run as a process: the bare grpc-js server. It ends with its stdin.
import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js'
import { encodeLoad } from '../../src/wire/load-report.ts'
import { channelOptions, trailers } from '../../src/wire/protocol.ts'
import { bareService, gather, type Payload, type Whole, writeChunks } from './bare-grpc.ts'
import { tell } from './lines.ts'

// Every answer of a node brings a load report: the baseline sends the same bytes.
const trailer = () => {
  const metadata = new Metadata()
  metadata.set(trailers.load, encodeLoad({ inFlight: 1, queueMs: 0, serviceMs: 0.1 }))
  return metadata
}

const answers = new Map<number, Buffer>()
const bytesOf = (size: number): Buffer => {
  const known = answers.get(size) ?? Buffer.alloc(size, 1)
  answers.set(size, known)
  return known
}

const server = new Server({ ...channelOptions, 'grpc.max_concurrent_streams': 4096 })
server.addService(bareService, {
  Echo: (call: ServerUnaryCall<Whole, Payload>, done: sendUnaryData<Payload>) =>
    done(null, { data: bytesOf(call.request.bytes) }, trailer()),
  Up: (call: ServerReadableStream<Whole, Payload>, done: sendUnaryData<Payload>) => {
    const gathered = gather()
    call.on('data', gathered.push)
    call.on('end', () => done(null, { bytes: gathered.whole()?.byteLength ?? -1 }, trailer()))
  },
  Down: (call: ServerWritableStream<Whole, Payload>) => {
    void writeChunks(call, bytesOf(call.request.bytes)).then(() => call.end(trailer()))
  },
})
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  tell({ address: `127.0.0.1:${port}` })
})
process.stdin.resume().on('end', () => process.exit(0))
