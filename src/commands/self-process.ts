import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'

/** This program with other arguments, in a process of its own. */
export const startSelf = (args: readonly string[], { env, ...options }: SpawnOptions): ChildProcess =>
  spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], { ...options, env: { ...process.env, ...env } })

/** How a process ended. */
export interface Ending {
  /** As a shell has it: 128 and the signal's number where it was one. */
  readonly code: number
  readonly signal: NodeJS.Signals | undefined
}

export const endingOf = async (child: ChildProcess): Promise<Ending> => {
  const [code, signal]: (number | NodeJS.Signals | null)[] = await once(child, 'exit')
  const by = typeof signal === 'string' ? signal : undefined
  return { code: by === undefined ? Number(code ?? 1) : 128 + constants.signals[by], signal: by }
}
