import { posix } from 'node:path'
import type { Draws } from './draws.ts'

/** A file: what its readers see, and what outlives a loss of power. */
export interface FileNode {
  readonly kind: 'file'
  readonly number: number
  data: Buffer
  synced: Buffer
  mtimeMs: number
  ctimeMs: number
  /** What a copy of a store holds, in place of bytes. */
  rows?: ReadonlyMap<string, Buffer>
}
export interface FolderNode {
  readonly kind: 'folder'
  readonly number: number
  entries: Map<string, Node>
  /** Names that outlive a loss of power. */
  synced: Map<string, Node>
}
export type Node = FileNode | FolderNode

/** An error of the file system, as Node gives it. */
export const fileError = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${TEXTS[code] ?? 'failed'}, '${path}'`), { code })
const TEXTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EEXIST: 'file already exists',
  ENOTDIR: 'not a directory',
  EISDIR: 'illegal operation on a directory',
  ENOSPC: 'no space left on device',
  EIO: 'i/o error',
  EMFILE: 'too many open files',
}

/** A tree of files in memory which loses, where the power is lost, what was not synced. */
export interface Files {
  find(path: string): Node | undefined
  /** @throws ENOENT, ENOTDIR */
  folder(path: string): FolderNode
  /** Makes an empty file. @throws EEXIST */
  make(path: string, now: number): FileNode
  /** @returns the first folder that was made */
  makeFolders(path: string): string | undefined
  rename(from: string, to: string): void
  link(from: string, to: string): void
  remove(path: string): void
  /** The power is lost: of each thing that was not synced the draws decide whether it is there. */
  lose(draws: Draws): void
}

export const createFiles = (): Files => {
  let numbers = 0
  const newFolder = (): FolderNode => ({ kind: 'folder', number: ++numbers, entries: new Map(), synced: new Map() })
  const root = newFolder()
  const find = (path: string): Node | undefined => {
    let node: Node | undefined = root
    for (const part of posix.resolve('/', path).split('/')) {
      if (part === '') continue
      node = node?.kind === 'folder' ? node.entries.get(part) : undefined
    }
    return node
  }
  const folder = (path: string): FolderNode => {
    const node = find(path)
    if (node === undefined) throw fileError('ENOENT', path)
    if (node.kind !== 'folder') throw fileError('ENOTDIR', path)
    return node
  }
  const parentOf = (path: string) => folder(posix.dirname(posix.resolve('/', path)))
  const lose = (node: FolderNode, draws: Draws): void => {
    for (const name of [...new Set([...node.entries.keys(), ...node.synced.keys()])].sort()) {
      const [now, before] = [node.entries.get(name), node.synced.get(name)]
      if (now === before) continue
      const kept = draws.chance(0.5) ? now : before
      if (kept === undefined) node.entries.delete(name)
      else node.entries.set(name, kept)
    }
    for (const [, child] of node.entries) {
      if (child.kind === 'folder') lose(child, draws)
      else if (child.data !== child.synced) {
        const whole = draws.chance(0.5) ? child.data : child.synced
        child.data = draws.chance(0.5) ? whole : whole.subarray(0, draws.below(whole.byteLength + 1))
        child.synced = child.data
      }
    }
    node.synced = new Map(node.entries)
  }
  return {
    find,
    folder,
    make(path, now) {
      const { entries } = parentOf(path)
      const name = posix.basename(path)
      if (entries.has(name)) throw fileError('EEXIST', path)
      const data = Buffer.alloc(0)
      const made: FileNode = { kind: 'file', number: ++numbers, data, synced: data, mtimeMs: now, ctimeMs: now }
      entries.set(name, made)
      return made
    },
    makeFolders(path) {
      let first: string | undefined
      let at = '/'
      for (const part of posix.resolve('/', path).split('/')) {
        if (part === '') continue
        const { entries } = folder(at)
        at = posix.join(at, part)
        if (entries.has(part)) continue
        entries.set(part, newFolder())
        first ??= at
      }
      return first
    },
    rename(from, to) {
      const source = parentOf(from)
      const node = source.entries.get(posix.basename(from))
      if (node === undefined) throw fileError('ENOENT', from)
      parentOf(to).entries.set(posix.basename(to), node)
      source.entries.delete(posix.basename(from))
    },
    link(from, to) {
      const node = find(from)
      if (node === undefined) throw fileError('ENOENT', from)
      const { entries } = parentOf(to)
      if (entries.has(posix.basename(to))) throw fileError('EEXIST', to)
      entries.set(posix.basename(to), node)
    },
    remove(path) {
      if (!parentOf(path).entries.delete(posix.basename(path))) throw fileError('ENOENT', path)
    },
    lose: (draws) => lose(root, draws),
  }
}
