import { ContentRef } from '../../../src/core/content.ts'
import { decodeRecord } from '../../../src/storage-node/objects/record.ts'
import { keyOf, partsOf } from '../../../src/storage-node/store/store.ts'
import { fromBytes } from '../../../src/wire/stored.ts'
import type { Files } from '../world/files.ts'
import type { Held } from './model.ts'

const isEntries = (value: unknown): value is { readonly entries: readonly string[] } =>
  typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries)

/** The logs that lie in a store, read from its rows. */
export const logsIn = (site: string, rows: ReadonlyMap<string, Buffer>, files: Files, content: string): readonly Held[] => {
  const logs: Held[] = []
  const prefix = keyOf('object', 'log')
  for (const [key, bytes] of rows) {
    if (!key.startsWith(prefix)) continue
    const name = partsOf(key)[2] ?? ''
    const { state } = decodeRecord(bytes, name)
    const file = state instanceof ContentRef ? files.find(`${content}/${state.hash.slice(0, 2)}/${state.hash.slice(2)}`) : undefined
    const held = state instanceof ContentRef ? (file?.kind === 'file' ? file.data : undefined) : Buffer.from(state)
    const value = held === undefined ? undefined : fromBytes(held)
    logs.push({ site, name, entries: isEntries(value) ? value.entries : [] })
  }
  return logs
}

/** What moves have left unfinished in a store. */
export const leftoversIn = (rows: ReadonlyMap<string, Buffer>): readonly string[] =>
  [...rows.keys()]
    .map(partsOf)
    .filter(([family]) => family === 'leaving' || family === 'arriving' || family === 'arriving-content')
    .map((parts) => parts.join(' '))

/** Hashes of content to which something refers. */
export const usedIn = (rows: ReadonlyMap<string, Buffer>): ReadonlySet<string> =>
  new Set([...rows.keys()].map(partsOf).flatMap(([family, kind, hash = '']) => (family === 'use' && kind === 'content' ? [hash] : [])))

/** Hashes of content that lies in a folder. */
export const contentIn = (files: Files, folder: string): readonly string[] =>
  [...files.folder(folder).entries].flatMap(([shard, node]) =>
    node.kind === 'folder' && shard.length === 2 ? [...node.entries.keys()].map((rest) => shard + rest) : [],
  )
