import { failure } from '../../core/errors.ts'
import { type SiteName, siteName } from '../../core/ids.ts'
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

const NAME_KEY = keyOf('site-name')

/**
 * The name of the site that a store belongs to: references that are stored carry it.
 * @param asked the name that the node is started with; undefined: the noted one, else `node`
 * @throws `invalid-argument` where another name is noted
 */
export const nameOfStore = (store: Store, folder: string, asked: SiteName | undefined): SiteName => {
  const noted = store.get(NAME_KEY)?.toString('utf8')
  if (noted === undefined) return asked ?? siteName('node')
  if (asked !== undefined && asked !== noted)
    throw failure(
      'invalid-argument',
      `${folder} belongs to the node "${noted}", and references in it carry that name: start it with --name ${noted} or without --name, or give "${asked}" another --data folder`,
    )
  return siteName(noted)
}

/**
 * Notes the name, once a node has started under it. What an older version wrote under a name that nobody gives now is left
 * without a note. On a disk that takes no writes the next start notes it.
 */
export const noteName = async (store: Store, name: SiteName, given: boolean): Promise<void> => {
  if (store.get(NAME_KEY) !== undefined) return
  if (!given && store.range(keyOf('object'), { limit: 1 }).length > 0) return
  await store.commit([{ key: NAME_KEY, value: Buffer.from(name) }]).catch(() => undefined)
}
