import { failure } from '../../core/errors.ts'
import type { HostView } from '../../core/self.ts'
import { keyOf, partsOf, type Store } from '../store/store.ts'
import { decodeRecord, recordKey } from './record.ts'

/** Objects in the order of type and name, a page at a time. */
export const listObjects = (
  store: Pick<Store, 'range'>,
  { type, prefix: begins, after, limit = 1000 }: Parameters<HostView['list']>[0],
): ReturnType<HostView['list']> => {
  const [afterType, afterId] = after?.split('/') ?? []
  if (begins !== undefined && type === undefined)
    throw failure('invalid-argument', 'a list by the beginning of names needs the type too: give type and prefix')
  // A key's last part without the zero byte that ends it: all names that begin so.
  const prefix =
    type === undefined ? keyOf('object') : begins === undefined ? keyOf('object', type) : keyOf('object', type, begins).slice(0, -1)
  const from = afterType === undefined || afterId === undefined ? {} : { after: recordKey(afterType, afterId) }
  return store.range(prefix, { ...from, limit: Math.min(1000, Math.max(1, Math.trunc(limit))) }).map(([key, bytes]) => {
    const [, name = '', id = ''] = partsOf(key)
    return { type: name, id, version: decodeRecord(bytes, `${name}/${id}`).version }
  })
}
