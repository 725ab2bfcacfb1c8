import { type ActiveStorageError, failure } from './errors.ts'

const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined)

/** Why a file of this machine, named by its user, cannot be read: with the path and what to do, without the text of the system. */
export const fileFailure = (path: string, error: unknown): ActiveStorageError => {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return failure('not-found', `${path}: there is no such file or folder; correct the path`, error)
    case 'EISDIR':
      return failure('invalid-argument', `${path} is a folder: name a file`, error)
    case 'EACCES':
    case 'EPERM':
      return failure('permission-denied', `${path}: this user may not read it; change its permissions`, error)
    case 'ERR_FS_FILE_TOO_LARGE':
      return failure('too-large', `${path} has more than 2 GiB, the most that one file may have here`, error)
    default:
      return failure('not-found', `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
