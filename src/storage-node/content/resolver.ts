import { ContentRef } from '../../core/content.ts'
import { abortedBy, failure, isActiveStorageError } from '../../core/errors.ts'
import { type ContentHash, newCallId, objectId, type SiteName, typeName } from '../../core/ids.ts'
import type { Content } from '../../core/self.ts'
import { eachSliced, mapSliced } from '../../core/slices.ts'
import type { Transport } from '../../core/transport.ts'
import { content as contentObject, missingInputs } from '../../objects/content.ts'
import { patient } from '../patience.ts'
import type { ContentCache } from './content-cache.ts'
import type { ContentStore } from './content-store.ts'
import { hashOf, hashSliced } from './hash.ts'

/** What one call fetched, for its accounting. */
export interface Fetched {
  bytes: number
  ms: number
}

export interface ResolverOptions {
  readonly site: SiteName
  readonly store: ContentStore
  readonly cache: ContentCache
  /** Sites that this host may fetch from, by name: from its own configuration, never from a caller. */
  readonly peers: ReadonlyMap<SiteName, Transport>
}

/** Hashes asked of a peer in one call: enough to fill a link of a long round trip, few enough to bound its memory. */
const FETCH_TOGETHER = 64

/** Finds content by hash: here, in the cache, or at its home when that is a peer; each is fetched once, however many ask. */
export const createResolver = ({ site, store, cache, peers }: ResolverOptions) => {
  const underWay = new Map<ContentHash, Promise<Uint8Array>>()

  /** What calls under way keep without storing it: there for as long as they run, also where it is larger than the cache. */
  const kept = new Map<ContentHash, { readonly bytes: Uint8Array; calls: number }>()
  const keepFor = (hash: ContentHash, bytes: Uint8Array): (() => void) => {
    const entry = kept.get(hash) ?? { bytes, calls: 0 }
    entry.calls++
    kept.set(hash, entry)
    return () => {
      if (--entry.calls === 0) kept.delete(hash)
    }
  }

  const local = async (hash: ContentHash): Promise<Uint8Array | undefined> =>
    cache.get(hash) ?? kept.get(hash)?.bytes ?? (await store.read(hash))
  const here = (hash: ContentHash) => cache.has(hash) || kept.has(hash) || store.has(hash)

  /** Starts fetching all of one home's refs in one stream; each ref's promise settles as its bytes arrive. */
  const fetchFrom = (home: SiteName, refs: readonly ContentRef[], fetched: Fetched): void => {
    const peer = peers.get(home)
    if (peer === undefined) throw missingInputs(refs, site)
    const waiting = refs.map((ref) => {
      let settle = { resolve: (_: Uint8Array) => undefined as void, reject: (_: unknown) => undefined as void }
      const promise = new Promise<Uint8Array>((resolve, reject) => (settle = { resolve, reject }))
      // Whoever reads it sees the rejection; one that nobody reads any more must not end the process.
      promise.catch(() => undefined)
      underWay.set(ref.hash, promise)
      return { ref, settle }
    })
    const run = async () => {
      const began = performance.now()
      let next = 0
      try {
        const stream = peer.stream({
          type: typeName(contentObject.name),
          object: objectId('main'),
          method: 'fetch',
          kind: 'movable',
          args: [refs.map(({ hash }) => hash)],
          // Not the caller's signal: others may wait for the same bytes, and what arrives is kept.
          context: { callId: newCallId(), chain: [] },
        })
        for await (const bytes of stream) {
          const entry = waiting[next++]
          if (entry === undefined || !(bytes instanceof Uint8Array))
            throw failure('malformed-message', `${home} sent content that was not asked for`)
          if ((await hashSliced(bytes)) !== entry.ref.hash)
            throw failure('content-changed', `${home} sent other bytes for ${entry.ref.hash}`)
          fetched.bytes += bytes.byteLength
          cache.put(entry.ref.hash, bytes)
          underWay.delete(entry.ref.hash)
          entry.settle.resolve(bytes)
        }
        if (next < waiting.length) throw failure('unavailable', `${home} ended a transfer early`)
      } catch (error) {
        const rest = waiting.slice(next)
        const lost = isActiveStorageError(error, 'unavailable') || isActiveStorageError(error, 'missing-inputs')
        for (const { ref, settle } of waiting) {
          if (underWay.get(ref.hash) !== undefined) underWay.delete(ref.hash)
          settle.reject(lost ? missingInputs(rest.length > 0 ? rest.map((entry) => entry.ref) : [ref], site) : error)
        }
      } finally {
        fetched.ms += performance.now() - began
      }
    }
    void run()
  }

  const request = (refs: readonly ContentRef[], fetched: Fetched) => {
    const byHome = new Map<SiteName, ContentRef[]>()
    for (const ref of refs) byHome.set(ref.home, [...(byHome.get(ref.home) ?? []), ref])
    const unreachable = refs.filter(({ home }) => home === site || !peers.has(home))
    if (unreachable.length > 0) throw missingInputs(unreachable, site)
    for (const [home, group] of byHome) {
      for (let from = 0; from < group.length; from += FETCH_TOGETHER) fetchFrom(home, group.slice(from, from + FETCH_TOGETHER), fetched)
    }
  }

  return {
    /**
     * The view of one call, which counts what is fetched for it, and holds what it puts until it has committed, and what it
     * has read from the cache until it is over.
     * @param using told of what lets go of bytes in the cache
     */
    scope: (fetched: Fetched, hold: (hash: ContentHash) => void = () => undefined, using?: (letGo: () => void) => void): Content => {
      const used = new Set<ContentHash>()
      const note = (hash: ContentHash) => {
        if (using === undefined || used.has(hash) || !cache.has(hash)) return
        used.add(hash)
        using(cache.hold(hash))
      }
      const read = async (ref: ContentRef, signal: AbortSignal): Promise<Uint8Array> => {
        const found = await local(ref.hash)
        if (found !== undefined) {
          note(ref.hash)
          return found
        }
        if (!here(ref.hash) && !underWay.has(ref.hash)) request([ref], fetched)
        const promise = underWay.get(ref.hash)
        // Between the look-ups it may have arrived; otherwise the cache was too small to keep it and it is asked for again.
        const bytes = promise === undefined ? ((await local(ref.hash)) ?? (await read(ref, signal))) : await patient(promise, signal)
        note(ref.hash)
        return bytes
      }
      const keep = (bytes: Uint8Array, hash: ContentHash) => {
        cache.put(hash, bytes)
        using?.(keepFor(hash, bytes))
        return new ContentRef(hash, bytes.byteLength, site)
      }
      return {
        read,
        ensure: async (refs, signal) => {
          if (signal.aborted) throw abortedBy(signal)
          // To look for one on the disk takes microseconds, and a batch may have tens of thousands.
          const missing = new Map<ContentHash, ContentRef>()
          await eachSliced(refs, (ref) => {
            if (!here(ref.hash)) missing.set(ref.hash, ref)
          })
          const wanted = [...missing.values()].filter(({ hash }) => !underWay.has(hash))
          if (wanted.length > 0) request(wanted, fetched)
        },
        keep: (bytes) => keep(bytes, hashOf(bytes)),
        keepLarge: async (bytes) => keep(bytes, await hashSliced(bytes)),
        put: async (bytes) => new ContentRef(await store.put(bytes, hold), bytes.byteLength, site),
        adoptable: (path) => store.adoptable(path),
        withAdoptable: (path, work) => store.withAdoptable(path, work),
        adopt: async (path) => {
          const { hash, bytes } = await store.adopt(path, hold)
          return new ContentRef(hash, bytes, site)
        },
        adoptParts: async (file, parts, signal) => {
          const held = new Set<ContentHash>()
          const hashes = await store.adoptParts(file, parts, signal, (hash) => {
            if (!held.has(hash)) hold(hash)
            held.add(hash)
          })
          return mapSliced(hashes, (hash, index) => new ContentRef(hash, parts[index]?.bytes ?? 0, site))
        },
      }
    },
    /** Forgets all that is kept and can be had again. */
    clear: () => cache.clear(),
    /** Forgets so much of it, if nobody uses it now. @returns how many bytes */
    shrinkCache: (bytes: number) => cache.shrink(bytes),
    get cacheBytes() {
      return cache.bytes
    },
  }
}
export type Resolver = ReturnType<typeof createResolver>
