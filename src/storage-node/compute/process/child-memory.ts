import { readFileSync } from 'node:fs'

const PAGE = 4096

/** Resident bytes of another process that are its own: without pages of programs and libraries. 0 where it is not known. */
export const childMemory = (pid: number): number => {
  try {
    const [, resident = '0', shared = '0'] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')
    return Math.max(0, (Number(resident) - Number(shared)) * PAGE)
  } catch {
    return 0
  }
}
