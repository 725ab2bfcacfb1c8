import { setTimeout as pause } from 'node:timers/promises'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { siteName } from '../../src/core/ids.ts'
import { remoteOf } from '../../src/core/remote.ts'
import { bytesOf, Tensor } from '../../src/core/tensor.ts'
import { grpcTransport } from '../../src/link/grpc-transport.ts'
import { site } from '../../src/objects/site.ts'
import { canary } from './canary-object.ts'

/** A well-behaved client beside the mutated calls. */
export interface Canary {
  /** Makes one call of each kind. @returns what is wrong with the answers; undefined where nothing is */
  sing(): Promise<string | undefined>
  /** Calls under way at the node, the asking one included. */
  stats(): Promise<{ readonly inFlight: number; readonly argumentBytes: number }>
  /** How often the node asked it to come again later. */
  readonly putOff: number
  close(): Promise<void>
}

const PATIENCE_MS = 20_000

export const createCanary = (address: string): Canary => {
  const transport = grpcTransport(address, siteName('node'))
  const object = remoteOf(canary, 'well', () => transport, { timeoutMs: PATIENCE_MS })
  const node = remoteOf(site, 'main', () => transport, { timeoutMs: PATIENCE_MS })
  let count = 0
  let putOff = 0
  /** A refusal at the door is an answer too; the call is made again, as any client would. */
  const patient = async <T>(make: () => Promise<T>): Promise<T> => {
    for (const until = performance.now() + PATIENCE_MS; ;) {
      try {
        return await make()
      } catch (error) {
        if (!isActiveStorageError(error, 'overloaded') || performance.now() > until) throw error
        putOff++
        await pause(error.details.retryAfterMs)
      }
    }
  }
  let before: Promise<unknown> = Promise.resolve()
  const sing = async (): Promise<string | undefined> => {
    try {
      const sent = new Tensor(
        'float32',
        Float32Array.from({ length: 600 }, (_, index) => index + count),
        [20, 30],
      )
      const [back, total] = await Promise.all([patient(() => object.echo(sent)), patient(() => object.add(1))])
      count++
      if (!(back instanceof Tensor) || back.dtype !== sent.dtype || back.shape.join() !== sent.shape.join())
        return 'the echo is another tensor'
      if (Buffer.compare(bytesOf(back), bytesOf(sent)) !== 0) return 'the echo has other bytes'
      if (total !== count) return `the count is ${total} after ${count} calls`
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  return {
    // One after the other, since each must find the count where the last left it.
    sing: () => {
      const turn = before.then(sing)
      before = turn
      return turn
    },
    stats: () => patient(() => node.stats()),
    get putOff() {
      return putOff
    },
    close: () => transport.close(),
  }
}
