import type { ContentRef } from '../core/content.ts'
import type { ModelSource } from '../core/self.ts'
import type { OpenBytes, OpenModel } from './compute/pool.ts'
import type { ContentStore } from './content/content-store.ts'
import type { Resolver } from './content/resolver.ts'

/** How compute workers get at content: by a file's path where there is one, otherwise in memory that threads share. */
export const openerFor = (store: ContentStore, resolver: Resolver) => {
  const scope = resolver.scope({ bytes: 0, ms: 0 })
  const open = async (ref: ContentRef, signal: AbortSignal): Promise<OpenBytes> => {
    const file = await store.file(ref.hash)
    if (file !== undefined) return file
    const bytes = await scope.read(ref, signal)
    const shared = new SharedArrayBuffer(bytes.byteLength)
    new Uint8Array(shared).set(bytes)
    return shared
  }
  const openModel = async (model: ModelSource, signal: AbortSignal): Promise<OpenModel> => {
    const external = await Promise.all(
      model.external.map(async ({ location, content }) => ({ location, file: await open(content, signal) })),
    )
    const bytes = [model.file, ...model.external.map(({ content }) => content)].reduce((sum, ref) => sum + ref.bytes, 0)
    return { file: await open(model.file, signal), external, bytes }
  }
  return { openContent: open, openModel }
}
