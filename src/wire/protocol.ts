import { fileURLToPath } from 'node:url'
import { loadPackageDefinition, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { decodeServerFrame, encodeClientFrame, encodeServerFrame, receiveClientFrame } from './frame-codec.ts'
import type { ProtoGrpcType } from './gen/active_storage.ts'

// grpc-js writes failures of connections to stderr by itself. They are errors of calls here, in words of our own; whoever
// asks grpc-js for its log gets it.
const asked = ['GRPC_NODE_VERBOSITY', 'GRPC_VERBOSITY', 'GRPC_NODE_TRACE', 'GRPC_TRACE'].some((name) => (process.env[name] ?? '') !== '')
if (!asked) setLogVerbosity(logVerbosity.NONE)

/** Options of the proto loader; the type generator is run with the same (a test compares them). */
export const loadOptions = { longs: Number, enums: String, defaults: true, oneofs: true } as const

// The same depth from src/ and from dist/.
export const protoFile = fileURLToPath(new URL('../../proto/active_storage/v1/active_storage.proto', import.meta.url))
const packageDefinition = loadSync(protoFile, loadOptions)

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js cannot know the types that the generator wrote for this very file
const loaded = loadPackageDefinition(packageDefinition) as unknown as ProtoGrpcType
const { Call } = loaded.active_storage.v1.StorageNode.service
/** What reads and writes frames by reflection: slower than `frame-codec.ts`, and what that is tested against. */
export const reflected = { ...Call }
Object.assign(Call, {
  requestSerialize: encodeClientFrame,
  requestDeserialize: receiveClientFrame,
  responseSerialize: encodeServerFrame,
  responseDeserialize: decodeServerFrame,
})

/** The service and messages of the wire contract, typed. */
export const protocol = loaded.active_storage.v1

/** Trailers of every call. */
export const trailers = {
  load: 'endpoint-load-metrics-bin',
  failure: 'active-storage-failure-bin',
  accounting: 'active-storage-accounting-bin',
} as const

/**
 * What both ends of a connection set, so that each misses the other after 50 s where its machine is gone without a word:
 * the calls between them end.
 */
export const liveness = { 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 20_000 } as const

/** What both ends of a connection set, so that a long stream is not throttled and no message is refused for its size. */
export const channelOptions = {
  // The default window of 64 KiB halves the throughput of a stream.
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': 16 * 1024 * 1024,
} as const
