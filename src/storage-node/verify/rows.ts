import { setImmediate as nextMoment } from 'node:timers/promises'
import type { Store } from '../store/store.ts'

const PAGE = 500

/** All keys and values under a prefix, in order; others run now and then. */
export async function* rowsOf(store: Pick<Store, 'range'>, prefix: string): AsyncGenerator<readonly [string, Buffer]> {
  for (let after: string | undefined; ;) {
    const page = store.range(prefix, { ...(after !== undefined && { after }), limit: PAGE })
    yield* page
    after = page.at(-1)?.[0]
    if (page.length < PAGE) return
    await nextMoment()
  }
}
