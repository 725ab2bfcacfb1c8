import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const statusOf = (pid: number, field: string): number => {
  try {
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** Memory of a process and all below it, in MiB. */
export const residentMib = (pid: number): number => {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), statusOf(Number(name), 'PPid'))
  const belongs = (each: number): boolean => each === pid || (parents.has(each) && belongs(parents.get(each) ?? 0))
  return [...parents.keys()].filter((each) => belongs(each)).reduce((sum, each) => sum + statusOf(each, 'VmRSS'), 0) / 1024
}

/** One thing that is asked again and again. */
export interface Asked {
  /** The longest that an answer took, in ms, one that did not come included. */
  readonly worstMs: number
  readonly answers: number
  readonly failed: number
  readonly lastError: string
}

/** Asks each 100 ms until it is over. */
export const ask = async (over: () => boolean, question: () => Promise<unknown>): Promise<Asked> => {
  const told = { worstMs: 0, answers: 0, failed: 0, lastError: '' }
  while (!over()) {
    const began = performance.now()
    try {
      await question()
      told.answers++
    } catch (error) {
      told.failed++
      told.lastError = error instanceof Error ? error.message : String(error)
    }
    told.worstMs = Math.max(told.worstMs, performance.now() - began)
    await pause(100)
  }
  return told
}
