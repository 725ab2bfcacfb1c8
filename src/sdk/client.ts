import type { Batch, BatchData } from '../core/batch.ts'
import type { ObjectType } from '../core/define.ts'
import { LOCAL, type SiteName } from '../core/ids.ts'
import { type CallOptions, type Remote, remoteOf, type Route } from '../core/remote.ts'
import { ObjectRef } from '../core/object-ref.ts'
import type { Transport } from '../core/transport.ts'
import { createFollowing } from '../link/following.ts'
import { DEFAULT_TIMEOUT_MS, timed } from '../link/timed.ts'
import type { Policy, Role } from '../policy/types.ts'
import type { LoaderState } from '../objects/loader/state.ts'
import { site as siteType } from '../objects/site.ts'
import { choosing } from './choosing.ts'
import type { DataLoader, DataLoaderOptions } from './data-loader.ts'
import { createDecisionLog, type DecisionEntry } from './decision-log.ts'
import { load, type LoadContext } from './load.ts'
import { registerLoaders } from './loader-home.ts'
import { createPosition, type Progress, type Start } from './loader-position.ts'
import { type Aliases, type At, createAliases, createObjectsView, type Objects } from './objects.ts'
import { createPlacer, siteAt } from './placer.ts'
import type { Site } from './site.ts'
import { supplying } from './supplying.ts'
import { train, type TrainingJob, type TrainOptions } from './train.ts'
import { wrapIterable, type WrapOptions, type WrappedIterable } from './wrap.ts'

/** Decisions that a client remembers. */
const DECISIONS = 10_000

/** A wrapped data loader: the same batches in the same order, each made where the policy says. */
export interface WrappedLoader<Data> extends AsyncIterable<Batch<Data>> {
  epoch(epoch: number): AsyncIterable<Batch<Data>>
  /** As those of the loader that it wraps, each with a position of its own. */
  state(): LoaderState
  resume(state: LoaderState): void
}

/** What a client knows of a site's link. */
export interface LinkStats {
  readonly site: string
  readonly role: Role
  readonly up: boolean
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly rttMs: number | undefined
  readonly downBytesPerMs: number | undefined
  readonly upBytesPerMs: number | undefined
}

export interface Client extends AsyncDisposable {
  /** An object at its home: by default the near node, else the cloud, else this process; `at` names another site. */
  object<T extends ObjectType>(type: T, target: string | ObjectRef, options?: At): Remote<T>
  /** Making, deleting, versions, moves and lists of objects. */
  readonly objects: Objects
  /** Names that stand for objects. */
  readonly aliases: Aliases
  /** Resolves when every change acknowledged so far is on disk: of the calls made with `durability: 'async'`. */
  flush(options?: At): Promise<void>
  /** Places a loader's work by the policy; order and values stay the same. */
  wrap<Data extends BatchData>(loader: DataLoader<Data>): WrappedLoader<Data>
  wrap<Item>(loader: Iterable<Item> | AsyncIterable<Item>, options?: WrapOptions): WrappedIterable<Item>
  /**
   * Trains a model where the policy says: here, at the data, or in the cloud. Under the cost model a few steps are tried at the
   * sites first. Begins the training, which stays at its site; iterating the job does the work.
   * @throws ActiveStorageError as a trainer's `put` and `fit` do; `invalid-argument` where no site can have the data
   */
  train(options: TrainOptions): Promise<TrainingJob>
  /** The last decisions, each with its reason and what it cost. */
  decisions(): readonly DecisionEntry[]
  links(): readonly LinkStats[]
  /** Forgets fetched content and sessions in this process. */
  dropCaches(): Promise<void>
  close(): Promise<void>
}

export interface ClientParts {
  readonly sites: ReadonlyMap<SiteName, Site>
  readonly policy: Policy
  /** Bytes of fetched content that this process keeps. */
  readonly keptBytes: number
  /** Ms that a call may take which sets no limit, with all that it goes through. Default 120,000. */
  readonly timeoutMs?: number | undefined
  readonly onClose: () => void
  /** Told of what deserves a look but stops nothing. */
  readonly onWarning: (message: string) => void
}

const isDataLoader = (loader: object): loader is DataLoader<BatchData> => 'options' in loader && 'epoch' in loader

/** The same, but each message once. */
const once = (tell: (message: string) => void) => {
  const told = new Set<string>()
  return (message: string) => {
    if (told.has(message)) return
    told.add(message)
    tell(message)
  }
}

const homeRoles: readonly Role[] = ['node', 'cloud', 'local']

export const createClient = ({ sites, policy, keptBytes, timeoutMs = DEFAULT_TIMEOUT_MS, onClose, onWarning }: ClientParts): Client => {
  const log = createDecisionLog(DECISIONS)
  const placer = createPlacer(policy, sites, log)
  const transports = new Map<Site, Transport>([...sites.values()].map((each) => [each, supplying(each, sites)]))
  const at = (chosen: Site): Transport => transports.get(chosen) ?? chosen.transport
  const byRole = (role: Role) => [...sites.values()].find((each) => each.role === role)
  const defaultHome = homeRoles.map(byRole).find((each) => each !== undefined)

  const loaders = {
    bare: <Data extends BatchData>(options: DataLoaderOptions, start: Start, progress: Progress) =>
      load<Data>(context, options, start, progress, 'local'),
  }
  const following = createFollowing((name) => sites.get(name)?.transport)
  const followed = new Map<Site, Site>()
  /** The site, whose calls go after objects that have moved away from it. */
  const followingFrom = (home: Site): Site => {
    const known = followed.get(home) ?? { ...home, transport: following.from(home.transport) }
    followed.set(home, known)
    return known
  }
  const routes = new Map<Site, Route>()
  const routeTo = (home: Site): Route => {
    const known = routes.get(home)
    if (known !== undefined) return known
    const route: Route = ({ place }: CallOptions) =>
      timed(
        choosing({ placer, home: followingFrom(home), fixed: place === undefined ? undefined : at(siteAt(sites, place)), at }),
        timeoutMs,
      )
    registerLoaders(route, loaders)
    routes.set(home, route)
    return route
  }
  const homeOf = (name: string | undefined): Site => (name === undefined ? (defaultHome ?? siteAt(sites, LOCAL)) : siteAt(sites, name))
  const object = <T extends ObjectType>(type: T, target: string | ObjectRef, options: At = {}): Remote<T> =>
    target instanceof ObjectRef
      ? remoteOf(type, target.id, routeTo(homeOf(target.home)), {})
      : remoteOf(type, target, routeTo(homeOf(options.at)), {})
  const parts = { home: homeOf, transport: (home: Site) => timed(followingFrom(home).transport, timeoutMs) }
  const context: LoadContext = { placer, at, object, timeoutMs, onWarning: once(onWarning) }

  function wrap<Data extends BatchData>(loader: DataLoader<Data>): WrappedLoader<Data>
  function wrap<Item>(loader: Iterable<Item> | AsyncIterable<Item>, options?: WrapOptions): WrappedIterable<Item>
  function wrap(
    loader: DataLoader<BatchData> | Iterable<unknown> | AsyncIterable<unknown>,
    options?: WrapOptions,
  ): WrappedLoader<BatchData> | WrappedIterable<unknown> {
    if (isDataLoader(loader)) {
      const position = createPosition(loader.options)
      const from = (start: Start) => load<BatchData>(context, loader.options, start, position.progress)
      return {
        epoch: (index) => from(position.at(index)),
        state: position.state,
        resume: position.resume,
        [Symbol.asyncIterator]: () => from(position.take()),
      }
    }
    return wrapIterable(loader, context, options)
  }

  const close = async () => {
    await Promise.all([...sites.values()].map((each) => each.transport.close()))
    onClose()
  }
  return {
    object,
    objects: createObjectsView(parts),
    aliases: createAliases(parts),
    flush: ({ at: name } = {}) => remoteOf(siteType, 'main', () => parts.transport(homeOf(name))).flush(),
    wrap,
    train: (options) => train({ sites, policy, log, home: homeOf(undefined), keptBytes, at, object }, options),
    decisions: () => log.entries(),
    links: () =>
      [...sites.values()].map(({ name, role, meter, view }) => ({
        site: name,
        role,
        up: view.up,
        bytesSent: meter.sent,
        bytesReceived: meter.received,
        rttMs: view.rttMs,
        downBytesPerMs: meter.downBytesPerMs,
        upBytesPerMs: meter.upBytesPerMs,
      })),
    dropCaches: async () => {
      sites.get(LOCAL)?.known.clear()
      await remoteOf(siteType, 'main', () => siteAt(sites, LOCAL).transport).dropCaches()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
