import { existsSync, type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { type ActiveStorageError, failure, toFailure } from '../core/errors.ts'
import { fileFailure } from '../core/file-failure.ts'
import type { PolicyDocument } from './document.ts'
import { parsePolicy } from './parse.ts'

export interface WatchOptions {
  /** Called once for each bad edit; the last good policy stays in force. */
  readonly onWarning: (error: ActiveStorageError) => void
  /** Pause after the last sign of a change (default 50 ms): editors write in several steps. */
  readonly settleMs?: number
}

/** A policy file that is read again when it changes. */
export interface WatchedPolicy {
  current(): PolicyDocument
  /** Resolves with the next policy that is taken over. Stays pending when the watch is closed first. */
  changed(): Promise<PolicyDocument>
  close(): void
}

/**
 * A watch on a folder sees nothing where the file is behind a link, or where the folder itself is replaced: so the file is
 * looked at from time to time, too.
 */
const LOOK_MS = 1000

/**
 * Reads a policy file and follows its changes. The folder is watched, not the file: editors replace a file by renaming
 * another over it, and a watch on the old file would then see nothing more.
 * @throws ActiveStorageError `invalid-policy` when the first reading fails; there is no last good one to keep.
 */
export const watchPolicy = (path: string, { onWarning, settleMs = 50 }: WatchOptions): WatchedPolicy => {
  const file = resolve(path)
  const name = basename(file)
  let text: string | undefined = readText(file, path)
  let document = parsePolicy(text, path)
  let waiting: ((document: PolicyDocument) => void)[] = []
  let timer: NodeJS.Timeout | undefined

  /** The file's text where it is new; undefined where it is not, or is gone and that has been said. */
  const newText = (): string | undefined => {
    const before = text
    text = undefined
    if (before !== undefined || existsSync(file)) text = readText(file, path)
    // Many events say nothing new, and a bad edit is to be reported once.
    return text === before ? undefined : text
  }
  const reload = () => {
    try {
      const next = newText()
      if (next === undefined) return
      document = parsePolicy(next, path)
    } catch (error) {
      onWarning(toFailure(error, 'invalid-policy'))
      return
    }
    const told = waiting
    waiting = []
    for (const tell of told) tell(document)
  }

  let watcher: FSWatcher | undefined
  try {
    watcher = watch(dirname(file), { persistent: false }, (_event, changedName) => {
      // Mounted configuration is swapped by a link whose name begins with two dots.
      if (changedName !== null && changedName !== name && !changedName.startsWith('..')) return
      clearTimeout(timer)
      timer = setTimeout(reload, settleMs).unref()
    })
    watcher.on('error', (error) => onWarning(failure('invalid-policy', `${path}:1:1: changes are no longer seen: ${error.message}`, error)))
  } catch (error) {
    onWarning(failure('invalid-policy', `${path}:1:1: changes will not be seen: ${toFailure(error).text}`, error))
  }

  let seen = stampOf(file)
  const look = setInterval(() => {
    const now = stampOf(file)
    if (now === seen) return
    seen = now
    reload()
  }, LOOK_MS).unref()

  return {
    current: () => document,
    changed: () => new Promise((tell) => waiting.push(tell)),
    close: () => {
      clearTimeout(timer)
      clearInterval(look)
      watcher?.close()
      waiting = []
    },
  }
}

/** Changes with the file, also with one behind a link. */
const stampOf = (file: string): string => {
  const now = statSync(file, { throwIfNoEntry: false })
  return now === undefined ? 'gone' : `${now.dev} ${now.ino} ${now.size} ${now.mtimeMs} ${now.ctimeMs}`
}

const readText = (file: string, shown: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw failure('invalid-policy', fileFailure(shown, error).text, error)
  }
}
