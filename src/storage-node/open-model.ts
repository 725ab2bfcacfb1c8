import type { ContentRef } from '../core/content.ts'
import type { ModelSource } from '../core/self.ts'
import type { OpenModel } from './compute/pool.ts'
import type { ContentStore } from './content/content-store.ts'
import type { Resolver } from './content/resolver.ts'

/** How a compute worker gets a model's bytes: by the file's path where there is one, otherwise in shared memory. */
export const modelOpener = (store: ContentStore, resolver: Resolver) => {
  const scope = resolver.scope({ bytes: 0, ms: 0 })
  const open = async (ref: ContentRef, signal: AbortSignal): Promise<string | SharedArrayBuffer> => {
    const file = store.file(ref.hash)
    if (file !== undefined) return file
    const bytes = await scope.read(ref, signal)
    const shared = new SharedArrayBuffer(bytes.byteLength)
    new Uint8Array(shared).set(bytes)
    return shared
  }
  return async (model: ModelSource, signal: AbortSignal): Promise<OpenModel> => {
    const external = await Promise.all(
      model.external.map(async ({ location, content }) => ({ location, file: await open(content, signal) })),
    )
    return {
      file: await open(model.file, signal),
      external,
      bytes: [model.file, ...model.external.map(({ content }) => content)].reduce((sum, ref) => sum + ref.bytes, 0),
    }
  }
}
