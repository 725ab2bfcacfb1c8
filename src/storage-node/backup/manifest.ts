import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { VERSION } from '../../core/version.ts'

const FILE = 'backup.json'

/** What a backup says of itself. */
export interface Manifest {
  /** The name of the site: content at home there is in the backup. */
  readonly name: string
  /** When it began, ISO 8601. */
  readonly at: string
}

export const writeManifest = (folder: string, manifest: Manifest): Promise<void> =>
  writeFile(join(folder, FILE), `${JSON.stringify({ ...manifest, version: VERSION }, null, 2)}\n`, { flush: true })

/** The name of the site that a backup is of; undefined for a folder that is no backup. */
export const nameOfBackup = async (folder: string): Promise<string | undefined> => {
  try {
    const held: unknown = JSON.parse(await readFile(join(folder, FILE), 'utf8'))
    return typeof held === 'object' && held !== null && 'name' in held && typeof held.name === 'string' ? held.name : undefined
  } catch {
    return undefined
  }
}

/** Stands in a backup until all of it is there. */
const UNFINISHED = 'unfinished'
export const markUnfinished = (folder: string): Promise<void> => writeFile(join(folder, UNFINISHED), '', { flush: true })
export const markFinished = (folder: string): Promise<void> => rm(join(folder, UNFINISHED))

/** Whether a folder is what is left of an interrupted backup. Older versions left such folders under names that say so. */
export const isUnfinished = async (folder: string): Promise<boolean> =>
  existsSync(join(folder, UNFINISHED)) || (folder.endsWith('.partial') && (await nameOfBackup(folder)) === undefined)
