import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../store/disk.ts'

/** A verified copy of a backup in a data folder, from the moment that it is decided to take the place of what is there. */
export const DECIDED = 'restored'
const PARTS = ['content', 'store'] as const

/** Whether a restore was decided in a data folder and not ended: what else is in the folder may be of either state. */
export const hasPendingRestore = (data: string): boolean => existsSync(join(data, DECIDED))

/**
 * Ends a restore that was decided: the one that decided it, or the next process that has the folder's lock, where that
 * one was killed. It may be killed and repeated at any step.
 */
export const finishRestore = async (data: string): Promise<void> => {
  const decided = join(data, DECIDED)
  if (!existsSync(decided)) return
  for (const part of PARTS) {
    // A part that is not there any more is in its place already.
    if (!existsSync(join(decided, part))) continue
    await rm(join(data, part), { recursive: true, force: true })
    await rename(join(decided, part), join(data, part))
  }
  await syncFolder(data)
  await rm(decided, { recursive: true, force: true })
  await syncFolder(data)
}
