import { posix } from 'node:path'
import type { Disk } from './disk.ts'
import { fileError, type FileNode, type Node } from './files.ts'
import type { Life } from './life.ts'

const FLAGS = { O_RDONLY: 0, O_NONBLOCK: 2048, COPYFILE_EXCL: 1, COPYFILE_FICLONE: 2, R_OK: 4 }

const statsOf = (node: Node) => ({
  size: node.kind === 'file' ? node.data.byteLength : 0,
  mtimeMs: node.kind === 'file' ? node.mtimeMs : 0,
  ctimeMs: node.kind === 'file' ? node.ctimeMs : 0,
  ino: node.number,
  isFile: () => node.kind === 'file',
  isDirectory: () => node.kind === 'folder',
})

/**
 * The parts of `node:fs` and `node:fs/promises` that a host uses, on a simulated disk.
 * @param limits `noDescriptors`: the process gets no more of them now
 */
export const fileModulesOf = (life: Life, disk: Disk, limits = { noDescriptors: false }): Readonly<Record<string, unknown>> => {
  const { files } = disk
  const paths = new Map<number, string>()
  let descriptors = 10

  /** What a disk takes, and what can go wrong meanwhile: before it acts, and after. */
  const io = async <T>(what: string, path: string, act: () => T): Promise<T> => {
    await life.pause(disk.ioMs(), `${what} ${path}`)
    const made = act()
    if (life.draws.chance(0.3)) await life.pause(disk.ioMs(), `${what} ${path} done`)
    return made
  }
  const found = (path: string): Node => {
    const node = files.find(path)
    if (node === undefined) throw fileError('ENOENT', path)
    return node
  }
  const fileAt = (path: string): FileNode => {
    const node = found(path)
    if (node.kind === 'folder') throw fileError('EISDIR', path)
    return node
  }
  const writable = (path: string) => {
    if (disk.refusal !== undefined) throw fileError(disk.refusal, path)
  }
  const put = (node: FileNode, data: Buffer) => {
    node.data = data
    node.mtimeMs = life.wall()
    node.ctimeMs = node.mtimeMs
  }
  const sync = (node: Node) => {
    if (node.kind === 'file') node.synced = node.data
    else node.synced = new Map(node.entries)
  }

  const handleOf = (node: Node, path: string) => {
    const fd = descriptors++
    paths.set(fd, path)
    const file = (): FileNode => {
      if (node.kind === 'folder') throw fileError('EISDIR', path)
      return node
    }
    return {
      fd,
      stat: () => io('fstat', path, () => statsOf(node)),
      readFile: () => io('read', path, () => Buffer.from(file().data)),
      read: (into: Uint8Array, at: number, length: number, from: number) =>
        io('read', path, () => ({ bytesRead: file().data.copy(into, at, from, from + length) })),
      writeFile: (bytes: Uint8Array | string) =>
        io('write', path, () => {
          writable(path)
          put(file(), Buffer.from(bytes as Uint8Array))
        }),
      sync: () =>
        io('fsync', path, () => {
          writable(path)
          sync(node)
        }),
      close: () => io('close', path, () => void paths.delete(fd)),
    }
  }
  const open = (path: string, flags: string | number = 'r') =>
    io('open', path, () => {
      if (limits.noDescriptors) throw fileError('EMFILE', path)
      if (flags !== 'wx') return handleOf(found(path), path)
      writable(path)
      return handleOf(files.make(path, life.wall()), path)
    })
  const entriesOf = (path: string) => [...files.folder(path).entries].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const removed = (path: string, { force = false } = {}) => {
    if (force && files.find(path) === undefined) return
    files.remove(path)
  }
  const listed = (path: string, { withFileTypes = false } = {}) =>
    entriesOf(path).map(([name, node]) => (withFileTypes ? { name, ...statsOf(node) } : name))
  const promises = {
    constants: FLAGS,
    open,
    stat: (path: string) => io('stat', path, () => statsOf(found(path))),
    readFile: (path: string, encoding?: 'utf8') =>
      io('read', path, () => {
        if (limits.noDescriptors) throw fileError('EMFILE', path)
        const { data } = fileAt(path)
        return encoding === undefined ? Buffer.from(data) : data.toString(encoding)
      }),
    writeFile: (path: string, data: string, { flush = false } = {}) =>
      io('write', path, () => {
        writable(path)
        const node = files.find(path) === undefined ? files.make(path, life.wall()) : fileAt(path)
        put(node, Buffer.from(data))
        if (flush) sync(node)
      }),
    readdir: (path: string, options?: { withFileTypes?: boolean }) => io('readdir', path, () => listed(path, options)),
    mkdir: (path: string) =>
      io('mkdir', path, () => {
        writable(path)
        return files.makeFolders(path)
      }),
    rename: (from: string, to: string) =>
      io('rename', to, () => {
        writable(to)
        files.rename(from, to)
      }),
    link: (from: string, to: string) =>
      io('link', to, () => {
        writable(to)
        files.link(from, to)
      }),
    rm: (path: string, options?: { force?: boolean }) => io('rm', path, () => removed(path, options)),
    realpath: (path: string) =>
      io('realpath', path, () => {
        found(path)
        return posix.resolve('/', path)
      }),
    readlink: (path: string) => Promise.resolve(paths.get(Number(path.split('/').at(-1)))),
  }
  return {
    'node:fs/promises': promises,
    'node:fs': {
      constants: FLAGS,
      existsSync: (path: string) => files.find(path) !== undefined,
      statSync: (path: string, { throwIfNoEntry = true } = {}) => {
        const node = files.find(path)
        if (node === undefined && throwIfNoEntry) throw fileError('ENOENT', path)
        return node === undefined ? undefined : statsOf(node)
      },
      readdirSync: (path: string) => listed(path),
      rmSync: removed,
    },
  }
}
