import type { Store, Snapshot } from '../store/store.ts'

/** A value that is larger than a page lies on pages of its own. */
const OWN_PAGES = 4096
/** The kernel maps more than what is read: all of a piece in which it holds the file, up to 2 MiB. */
const around = ({ byteLength }: { readonly byteLength: number } = NONE): number =>
  byteLength > OWN_PAGES ? 1024 * 1024 + byteLength : 256 * 1024
const NONE = { byteLength: 0 }

/** A store that says how much memory its reads may have mapped. */
export const watchedStore = <S extends Store>(store: S, touched: (bytes: number) => void): S => {
  const watched = <View extends Pick<Store, 'get' | 'range'>>(view: View): Pick<Store, 'get' | 'range'> => ({
    get(key) {
      const value = view.get(key)
      touched(around(value))
      return value
    },
    range(prefix, options) {
      const found = view.range(prefix, options)
      touched(found.reduce((sum, [key, value]) => sum + key.length + value.byteLength, around(found[0]?.[1])))
      return found
    },
  })
  return {
    ...store,
    ...watched(store),
    async snapshot(): Promise<Snapshot> {
      const snapshot = await store.snapshot()
      return { ...watched(snapshot), done: snapshot.done }
    },
    async commit(writes) {
      touched(writes.reduce((sum, { value }) => sum + around(value), 0))
      await store.commit(writes)
    },
  }
}
