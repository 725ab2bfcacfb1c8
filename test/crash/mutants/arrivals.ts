import { isActiveStorageError } from '../../../src/core/errors.ts'
import { type Arrivals, createArrivals as realArrivals } from '../../../src/storage-node/objects/arrivals.ts'
import { arrivingKey, decodeArriving, encodeMove } from '../../../src/storage-node/objects/moves.ts'
import { newSpace } from '../../../src/storage-node/objects/record.ts'

/** Drops the copy of another move when one begins, whole or not, and confirms every activation. */
export const createArrivals = (...args: Parameters<typeof realArrivals>): Arrivals => {
  const [queue] = args
  const real = realArrivals(...args)
  return {
    ...real,
    async receive(self, moveId, from, what) {
      const begins = typeof what === 'object' && what !== null && 'begin' in what
      const bytes = queue.get(arrivingKey(self.type, self.id))
      const now = bytes === undefined ? undefined : decodeArriving(bytes)
      if (!begins || now === undefined || now.moveId === moveId) return real.receive(self, moveId, from, what)
      real.discard(self, now.moveId)
      self.draft.put([{ key: arrivingKey(self.type, self.id), value: encodeMove({ moveId, from, space: newSpace(), record: undefined }) }])
      return undefined
    },
    async activate(self, moveId) {
      try {
        await real.activate(self, moveId)
      } catch (error) {
        if (!isActiveStorageError(error, 'not-found')) throw error
      }
    },
  }
}
