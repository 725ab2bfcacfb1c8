import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { failure } from '../../core/errors.ts'

/** The least that a limit may be: below it a node could not even start. */
export const LEAST_MEMORY = 64 * 1024 ** 2

/** Where control groups say how much memory a process may have: version 2, and version 1, in a container and outside. */
const cgroupFiles = (): readonly string[] => {
  const own = readText('/proc/self/cgroup') ?? ''
  const [, unified = '/'] = /^0::(\/.*)$/m.exec(own) ?? []
  const [, memory = '/'] = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(own) ?? []
  return [
    ...upwards(unified).map((group) => `/sys/fs/cgroup${group}memory.max`),
    ...upwards(memory).map((group) => `/sys/fs/cgroup/memory${group}memory.limit_in_bytes`),
  ]
}
/** A group and all above it, for each of them counts: `/a/b/`, `/a/`, `/`. */
const upwards = (group: string): string[] => {
  const names = group.split('/').filter((name) => name !== '')
  return Array.from({ length: names.length + 1 }, (_, above) => {
    const path = names.slice(0, names.length - above).join('/')
    return path === '' ? '/' : `/${path}/`
  })
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
/** A limit as a file has it; undefined for "max", or for what is no number. Version 1 writes a very large one for none. */
const limitIn = (path: string): number | undefined => {
  const text = readText(path)?.trim() ?? ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}

export interface Machine {
  readonly files: readonly string[]
  readonly total: number
}

/** Memory that this process may have at the most: of the machine, or of the smallest of its control groups. */
export const machineMemory = ({ files, total }: Machine = { files: cgroupFiles(), total: totalmem() }): number =>
  files.reduce((least, file) => Math.min(least, limitIn(file) ?? Infinity), total)

/** A node's limit where none is given: three quarters, so that as much is left as the system and the disk's pages need. */
export const defaultMemory = (machine?: Machine): number => Math.max(LEAST_MEMORY, Math.floor(machineMemory(machine) * 0.75))

/** @throws `invalid-argument` */
export const checkMemory = (bytes: number): number => {
  if (Number.isSafeInteger(bytes) && bytes >= LEAST_MEMORY) return bytes
  throw failure('invalid-argument', `a memory limit of ${bytes} bytes is too small or no whole number: the least is 64MiB`)
}
