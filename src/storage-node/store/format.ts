import { failure } from '../../core/errors.ts'
import { keyOf, type Store } from './store.ts'

/** Of the keys and values in a store. Raised when a build could no longer read what an older one wrote. */
const FORMAT = 1
const FORMAT_KEY = keyOf('format')

/**
 * Notes the format in a new store, and refuses a store of another.
 * @throws `unsupported`
 */
export const checkFormat = async (store: Store, folder: string): Promise<void> => {
  const bytes = store.get(FORMAT_KEY)
  const found = bytes === undefined ? undefined : Number(bytes.toString('utf8'))
  if (found === FORMAT) return
  if (found === undefined && store.range('', { limit: 1 }).length === 0) {
    await store.commit([{ key: FORMAT_KEY, value: Buffer.from(String(FORMAT)) }])
    return
  }
  throw failure(
    'unsupported',
    `the store in ${folder} has ${found === undefined ? 'no format noted: it was written before 0.1' : `format ${found}`}, this build reads format ${FORMAT}: open it with the build that wrote it`,
  )
}
