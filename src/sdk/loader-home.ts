import type { Batch, BatchData } from '../core/batch.ts'
import { failure } from '../core/errors.ts'
import type { Route } from '../core/remote.ts'
import type { DataLoaderOptions } from './data-loader.ts'
import type { Progress, Start } from './loader-position.ts'

/** How the client that made an object runs a loader over it: everything here, or placed by its policy. */
export interface Loaders {
  bare<Data extends BatchData>(options: DataLoaderOptions, start: Start, progress: Progress): AsyncIterable<Batch<Data>>
}

// A loader holds objects, and an object knows its route; so the loader finds its client without being told.
const byRoute = new WeakMap<Route, Loaders>()

export const registerLoaders = (route: Route, loaders: Loaders): void => void byRoute.set(route, loaders)

export const loadersOf = (route: Route): Loaders => {
  const loaders = byRoute.get(route)
  if (loaders === undefined)
    throw failure('invalid-argument', 'the data set is not one of a client: take it from client.object(dataset, name)')
  return loaders
}
