import type { ContentRef } from '../core/content.ts'
import { isActiveStorageError } from '../core/errors.ts'
import { type ContentHash, newCallId, objectId, type SiteName, typeName } from '../core/ids.ts'
import type { Call, CallContext, Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { content } from '../objects/content.ts'
import { carriedBy } from './references.ts'
import type { Site } from './site.ts'

/** Bytes supplied in one call at the most, and tries of a call whose inputs keep missing (a cache too small for them). */
const SUPPLY_BYTES = 32 * 1024 * 1024
const TRIES = 5

const contentCall = (method: 'fetch' | 'supply', args: readonly Value[], { signal, deadline }: CallContext): Call => ({
  type: typeName(content.name),
  object: objectId('main'),
  method,
  kind: 'movable',
  args,
  context: { callId: newCallId(), chain: [], ...(signal !== undefined && { signal }), ...(deadline !== undefined && { deadline }) },
})

/**
 * Makes calls at one site, and gives the site the inputs that it neither has nor can fetch: they are read from their
 * homes through this client.
 * @param homes every site by name, this process included
 */
export const supplying = (site: Site, homes: ReadonlyMap<SiteName, Site>): Transport => {
  /** True where the site itself can come by the content. */
  const obtainable = (ref: ContentRef) =>
    ref.home === site.name || site.known.has(ref.hash) || site.role === 'local' || site.description?.peers.includes(ref.home) === true

  const readFrom = async (home: Site, refs: readonly ContentRef[], context: CallContext): Promise<Uint8Array[]> => {
    const items: Uint8Array[] = []
    for await (const item of home.transport.stream(contentCall('fetch', [refs.map(({ hash }) => hash)], context))) {
      if (item instanceof Uint8Array) items.push(item)
    }
    return items
  }

  const supply = async (refs: readonly ContentRef[], context: CallContext): Promise<void> => {
    const groups: ContentRef[][] = []
    let size = Infinity
    for (const ref of [...new Map(refs.map((each) => [each.hash, each])).values()].sort((a, b) => (a.home < b.home ? -1 : 1))) {
      const group = groups.at(-1)
      if (group === undefined || size + ref.bytes > SUPPLY_BYTES || group[0]?.home !== ref.home) {
        groups.push([ref])
        size = ref.bytes
      } else {
        group.push(ref)
        size += ref.bytes
      }
    }
    for (const group of groups) {
      const home = homes.get(group[0]!.home)
      if (home === undefined || home === site) continue
      await site.transport.call(contentCall('supply', [await readFrom(home, group, context)], context))
      for (const { hash } of group) site.known.add(hash)
    }
  }

  const prepared = async (call: Call, refs: readonly ContentRef[]) => {
    const absent = refs.filter((ref) => !obtainable(ref))
    if (absent.length > 0) await supply(absent, call.context)
  }
  const learned = (refs: readonly ContentRef[]) => {
    for (const { hash } of refs) site.known.add(hash)
  }

  const callWith = async (call: Call, refs: readonly ContentRef[]): Promise<Value> => {
    await prepared(call, refs)
    for (let tried = 1; ; tried++) {
      try {
        const value = await site.transport.call(call)
        learned(refs)
        return value
      } catch (error) {
        if (!isActiveStorageError(error, 'missing-inputs') || site.role === 'local' || tried >= TRIES) throw error
        // What the site was believed to hold it has forgotten.
        site.known.clear()
        const hashes = new Set<string>(error.details.hashes)
        const missing = refs.filter(({ hash }: { hash: ContentHash }) => hashes.has(hash))
        if (missing.every(({ home }) => home === site.name)) throw error
        await supply(missing, call.context)
      }
    }
  }

  return {
    call(call) {
      const { refs } = carriedBy(call.args)
      return refs.length === 0 ? site.transport.call(call) : callWith(call, refs)
    },
    async *stream(call) {
      const { refs } = carriedBy(call.args)
      await prepared(call, refs)
      yield* site.transport.stream(call)
      learned(refs)
    },
    close: () => Promise.resolve(),
  }
}
