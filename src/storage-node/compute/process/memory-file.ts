import { randomUUID } from 'node:crypto'
import { openSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MFD_CLOEXEC = 1
let create: ((name: string, flags: number) => unknown) | undefined

const inMemory = async (): Promise<number> => {
  if (process.platform !== 'linux') return -1
  if (create === undefined) {
    const { default: koffi } = await import('koffi')
    const found: unknown = koffi.load('libc.so.6').func('int memfd_create(const char *name, unsigned int flags)')
    if (typeof found !== 'function') return -1
    create = (name, flags): unknown => found(name, flags)
  }
  return Number(create('active-storage', MFD_CLOEXEC))
}

/**
 * A file in memory without a name, which another process shares that gets the descriptor. Where the system has none it is a
 * file of the temporary folder whose name is removed at once.
 * @returns the descriptor; who opens it closes it
 */
export const openMemoryFile = async (): Promise<number> => {
  const fd = await inMemory().catch(() => -1)
  if (fd >= 0) return fd
  const path = join(tmpdir(), `active-storage-${randomUUID()}`)
  const made = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  return made
}
