import type { BatchData } from '../core/batch.ts'
import type { Client, WrappedLoader } from './client.ts'
import { connect } from './connect.ts'
import type { DataLoader } from './data-loader.ts'
import { createPosition } from './loader-position.ts'
import type { WrapOptions, WrappedIterable } from './wrap.ts'

let shared: Promise<Client> | undefined

const client = (): Promise<Client> => {
  const {
    ACTIVE_STORAGE_NODE: node,
    ACTIVE_STORAGE_CLOUD: cloud,
    ACTIVE_STORAGE_POLICY: policy,
    ACTIVE_STORAGE_IN_MEMORY: inMemory = '',
  } = process.env
  return (shared ??= connect({
    ...(node !== undefined && { node }),
    ...(cloud !== undefined && { cloud }),
    ...(policy !== undefined && { policy }),
    ...(inMemory !== '' && { inMemory: true }),
  }).catch((error: unknown) => {
    // A node that was down may be there at the next try.
    shared = undefined
    throw error
  }))
}

/** A loader that is wrapped when its first batch is asked for, since connecting takes time and `wrap` must not. */
async function* later<Item>(iterable: (client: Client) => AsyncIterable<Item>): AsyncGenerator<Item> {
  yield* iterable(await client())
}

function wrap<Data extends BatchData>(loader: DataLoader<Data>): WrappedLoader<Data>
function wrap<Item>(loader: Iterable<Item> | AsyncIterable<Item>, options?: WrapOptions): WrappedIterable<Item>
function wrap(
  loader: DataLoader<BatchData> | Iterable<unknown> | AsyncIterable<unknown>,
  options?: WrapOptions,
): WrappedLoader<BatchData> | WrappedIterable<unknown> {
  if ('options' in loader && 'epoch' in loader) return lazyLoader(loader)
  return lazy((connected) => connected.wrap(loader, options))
}

const lazyLoader = (loader: DataLoader<BatchData>): WrappedLoader<BatchData> => {
  // Stands in for the wrapped loader until there is a client, and hands its place on when there is another.
  const position = createPosition(loader.options)
  let made: { readonly by: Client; readonly wrapped: WrappedLoader<BatchData> } | undefined
  const state = () => made?.wrapped.state() ?? position.state()
  const wrappedBy = (connected: Client): WrappedLoader<BatchData> => {
    if (made?.by === connected) return made.wrapped
    const wrapped = connected.wrap(loader)
    wrapped.resume(state())
    made = { by: connected, wrapped }
    return wrapped
  }
  return {
    epoch: (index) => later((connected) => wrappedBy(connected).epoch(index)),
    state,
    resume: (given) => (made?.wrapped ?? position).resume(given),
    [Symbol.asyncIterator]: () => later((connected) => wrappedBy(connected)),
  }
}

const lazy = <Item>(made: (client: Client) => WrappedIterable<Item>): WrappedIterable<Item> => ({
  map: (...args) => lazy((connected) => made(connected).map(...args)),
  forward: (...args) => lazy((connected) => made(connected).forward(...args)),
  [Symbol.asyncIterator]: () => later((connected) => made(connected)),
})

/**
 * A client shared by the process, connected at first use from the environment: `ACTIVE_STORAGE_NODE` and
 * `ACTIVE_STORAGE_CLOUD` are addresses, `ACTIVE_STORAGE_POLICY` the path of a policy. Without them all runs here,
 * and objects are in memory only: `ACTIVE_STORAGE_IN_MEMORY=1` says that this is meant, as `inMemory` of `connect` does.
 */
export const activeStorage = {
  wrap,
  client,
  /** Closes the shared client; the next use connects again. */
  close: async (): Promise<void> => {
    const open = shared
    shared = undefined
    if (open !== undefined) await (await open).close()
  },
}
