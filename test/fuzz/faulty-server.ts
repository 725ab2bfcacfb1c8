// Servers with one fault each, on which the fuzzer's checks are tried. Tells the address of each.
import { openSync } from 'node:fs'
import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import { failure } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'
import { statusOf } from '../../src/wire/failure.ts'
import { Incoming, outgoing } from '../../src/wire/frames.ts'
import type { ClientFrame } from '../../src/wire/gen/active_storage/v1/ClientFrame.ts'
import type { ServerFrameIn } from '../../src/wire/gen/active_storage/v1/ServerFrame.ts'
import { channelOptions, protocol } from '../../src/wire/protocol.ts'
import { type Check, checks } from './checks.ts'

// A fault shows on some messages only, as a real one would.
const EVERY = 10
const kept: unknown[] = []

process.on('uncaughtException', (error) => process.stderr.write(`${error.stack}\n`))

type Stream = ServerDuplexStream<ClientFrame, ServerFrameIn>

const answer = (stream: Stream, value: Value) => {
  stream.write({ value: outgoing(value).head })
  stream.end(new Metadata())
}
const refuse = (stream: Stream, error: Error) =>
  void stream.emit('error', { name: 'failure', message: '', ...statusOf(error, new Metadata()) })

/** What the fault makes of a message; true where it has been dealt with. */
const misbehave = (fault: Check | 'none', stream: Stream): boolean => {
  switch (fault) {
    case 'exit':
      return process.exit(1)
    case 'stderr':
      setImmediate(() => {
        throw new Error('nobody catches this')
      })
      return false
    case 'hang':
      return true
    case 'descriptors':
      for (let more = 0; more < 10; more++) kept.push(openSync('/dev/null', 'r'))
      return false
    case 'internal':
      refuse(stream, new Error('a defect'))
      return true
    case 'method-threw':
      refuse(stream, failure('method-threw', 'TypeError: x is not a function'))
      return true
    case 'untyped':
      stream.emit('error', { name: 'failure', message: '', code: status.UNKNOWN, details: 'something' })
      return true
    default:
      return false
  }
}

const serviceWith = (fault: Check | 'none') => {
  let received = 0
  let count = 0
  const echoed = (value: Value): Value =>
    fault === 'canary' && count > 3 && value instanceof Tensor ? new Tensor('float32', new Float32Array(600), [20, 30]) : value
  return (stream: Stream) => {
    let over = false
    const once = (act: () => void) => {
      if (!over) act()
      over = true
    }
    stream.on('data', ({ start }: ClientFrame) => {
      if (!start?.arguments) return once(() => refuse(stream, failure('malformed-message', 'no start')))
      if (start.type === 'canary') {
        const [value = 0] = new Incoming(start.arguments).value() as Value[]
        return once(() => answer(stream, start.method === 'add' ? ++count : echoed(value)))
      }
      if (start.type === 'site' && start.method === 'stats' && !start.callId.startsWith('fuzz')) {
        return once(() => answer(stream, { inFlight: fault === 'in-flight' ? 2 : 1, argumentBytes: fault === 'reserved' ? 1e6 : 1 }))
      }
      // Some of each: how many of a few come after the warm-up would be chance.
      if (fault === 'memory') kept.push(Buffer.alloc(4 * 1024 ** 2, 1))
      if (++received % EVERY === 0 && misbehave(fault, stream)) {
        over = true
        return
      }
      return once(() => refuse(stream, failure('malformed-message', 'this server takes nothing')))
    })
    stream.on('end', () => once(() => refuse(stream, failure('malformed-message', 'nothing came'))))
    stream.on('error', () => undefined)
  }
}

const listen = (fault: Check | 'none') =>
  new Promise<[string, string]>((resolve) => {
    const server = new Server(channelOptions)
    server.addService(protocol.StorageNode.service, { Call: serviceWith(fault) })
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => resolve([fault, `127.0.0.1:${port}`]))
  })

process.stdout.write(`${JSON.stringify(Object.fromEntries(await Promise.all((['none', ...checks] as const).map(listen))))}\n`)
