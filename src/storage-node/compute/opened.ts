import type { ModelSource } from '../../core/self.ts'
import type { OpenModel } from './task.ts'

type Open = (model: ModelSource, signal: AbortSignal) => Promise<OpenModel>

const inMemory = ({ file, external }: OpenModel) => typeof file !== 'string' || external.some((part) => typeof part.file !== 'string')

/**
 * Remembers models that were opened into shared memory, up to a number of bytes, so that it is held once however many
 * tasks name it. Paths are asked for each time: it costs nothing, and a file may have been evicted meanwhile.
 */
export const createOpened = (open: Open, mostBytes: number) => {
  const known = new Map<string, OpenModel>()
  const opening = new Map<string, Promise<OpenModel>>()
  let total = 0

  const forget = (hash: string) => {
    total -= known.get(hash)?.bytes ?? 0
    known.delete(hash)
  }
  const remember = (hash: string, model: OpenModel) => {
    if (!inMemory(model)) return
    forget(hash)
    known.set(hash, model)
    total += model.bytes
    for (const oldest of [...known.keys()]) {
      if (total <= mostBytes) break
      forget(oldest)
    }
  }
  const get = async (model: ModelSource, signal: AbortSignal): Promise<OpenModel> => {
    const have = known.get(model.hash)
    if (have !== undefined) {
      known.delete(model.hash)
      known.set(model.hash, have)
      return have
    }
    const others = opening.get(model.hash)
    if (others !== undefined) {
      // Another call's opening ends with that call's signal; who is left asks again for itself.
      const shared = await others.catch(() => undefined)
      return shared ?? get(model, signal)
    }
    const mine = open(model, signal)
    opening.set(model.hash, mine)
    try {
      const opened = await mine
      remember(model.hash, opened)
      return opened
    } finally {
      opening.delete(model.hash)
    }
  }
  return {
    get,
    clear: () => {
      known.clear()
      total = 0
    },
  }
}
