import { protocol } from '../../src/wire/protocol.ts'
import { bareClient, type Bare, DEADLINE_MS } from './bare-grpc.ts'
import { builtIndex, linkTo } from './built.ts'
import { startNode, startScript } from './processes.ts'

export const benchObjects = 'benchmarks/support/bench-objects.mjs'
export const bareServer = new URL('./bare-server.ts', import.meta.url)

/** A node and the bare server, each a process, and clients of both in this one. */
export const openSides = async (nodeArgs: readonly string[] = []) => {
  const stack = new AsyncDisposableStackLike()
  try {
    const node = stack.use(await startNode(['--objects', benchObjects, ...nodeArgs]))
    const bareProcess = stack.use(await startScript(bareServer))
    const bareAddress = String(bareProcess.first['address'])
    const bare: Bare = bareClient(bareAddress)
    stack.defer(() => bare.close())
    const index = await builtIndex()
    const client = await index.connect({ node: node.address, timeoutMs: DEADLINE_MS })
    stack.defer(() => client.close())
    const link = await linkTo(node.address)
    stack.defer(() => link.transport.close())
    const { bench } = await import('./bench-objects.mjs')
    const placed = { place: 'node', timeoutMs: DEADLINE_MS } as const
    return {
      node,
      bareProcess,
      bareAddress,
      bare,
      index,
      client,
      /** Calls as a user makes them, placed by hand. */
      site: index.withCall(client.object(index.site, 'main'), placed),
      bench: index.withCall(client.object(bench, 'main'), placed),
      /** The same call by the link alone: no placement, retries or meters. */
      linkSite: link.remoteOf(index.site, 'main', () => link.transport, { timeoutMs: DEADLINE_MS }),
      [Symbol.asyncDispose]: () => stack.dispose(),
    }
  } catch (error) {
    await stack.dispose()
    throw error
  }
}

/** What Node 20 lacks of AsyncDisposableStack. */
class AsyncDisposableStackLike {
  readonly #closers: (() => Promise<void> | void)[] = []
  use<T extends AsyncDisposable>(thing: T): T {
    this.defer(() => Promise.resolve(thing[Symbol.asyncDispose]()))
    return thing
  }
  defer(close: () => Promise<void> | void): void {
    this.#closers.push(close)
  }
  async dispose(): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
  }
}

/** The messages of a no-op call as they lie on the wire, so that the baseline sends and gets as much. */
export const noopSizes = () => {
  const { requestSerialize, responseSerialize } = protocol.StorageNode.service.Call
  const start = {
    type: 'site',
    object: 'main',
    method: 'echo',
    arguments: { body: Buffer.from([0x90]) },
    callId: 'x'.repeat(22),
    idempotencyKey: '',
    chain: [],
    budgetMs: DEADLINE_MS,
  }
  // Less what frames the bytes in the baseline's own message.
  return {
    request: requestSerialize({ start }).byteLength - 11,
    answer: responseSerialize({ value: { body: Buffer.from([0xc0]) } }).byteLength - 2,
  }
}
