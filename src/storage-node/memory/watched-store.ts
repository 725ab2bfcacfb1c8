import type { Store, Snapshot } from '../store/store.ts'

/** The kernel maps more than the page that is read, and where the file lies in large pieces a few hundred KiB. */
const AROUND = 256 * 1024

/** A store that says how much memory its reads may have mapped. */
export const watchedStore = <S extends Store>(store: S, touched: (bytes: number) => void): S => {
  const watched = <View extends Pick<Store, 'get' | 'range'>>(view: View): Pick<Store, 'get' | 'range'> => ({
    get(key) {
      const value = view.get(key)
      touched(AROUND + (value?.byteLength ?? 0))
      return value
    },
    range(prefix, options) {
      const found = view.range(prefix, options)
      touched(found.reduce((sum, [key, value]) => sum + key.length + value.byteLength, AROUND))
      return found
    },
  })
  return {
    ...store,
    ...watched(store),
    snapshot(): Snapshot {
      const snapshot = store.snapshot()
      return { ...watched(snapshot), done: snapshot.done }
    },
    async commit(writes) {
      touched(writes.reduce((sum, { key, value }) => sum + AROUND + key.length + (value?.byteLength ?? 0), 0))
      await store.commit(writes)
    },
  }
}
