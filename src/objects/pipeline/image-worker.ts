import { isActiveStorageError } from '../../core/errors.ts'
import { loadSharp } from './decode.ts'
import type { ShapeAnswer, ShapeTask } from './image-pool.ts'
import { shapeHere } from './image-sample.ts'

/** An image worker: decodes by sharp, on libuv's threads, and resamples in its own. */
export default async function work({ input, id, upTo, ...task }: ShapeTask): Promise<ShapeAnswer> {
  try {
    const sharp = await loadSharp()
    // sharp takes no shared memory.
    const given = input instanceof Uint8Array ? new Uint8Array(input) : input
    const { pixels, mirror } = await shapeHere({ ...task, sharp }, { id, upTo, input: given })
    // The clone copies the whole buffer below a view.
    const { data } = pixels
    const tight = data.byteLength === data.buffer.byteLength ? data : new Uint8Array(data)
    return { kind: 'shaped', pixels: { ...pixels, data: tight }, mirror }
  } catch (error) {
    if (isActiveStorageError(error, 'bad-sample')) return { kind: 'failed', code: 'bad-sample', text: error.text }
    return { kind: 'failed', text: error instanceof Error ? error.message : String(error) }
  }
}
