import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { checkBounds } from '../../graph/bounds.ts'

const PIECE = 256 * 1024

/**
 * Counts the parts of a model before onnxruntime reads it, which would take gigabytes for a file of empty nodes. A file is read
 * piece by piece: its tensors, which are nearly all of it, are skipped. What is no model is left to onnxruntime.
 * @throws ActiveStorageError `bad-model`
 */
export const checkModelFile = (file: string | Uint8Array): void => {
  if (typeof file !== 'string') {
    checkBounds({ length: file.length, at: (place) => file[place] }, { wholeOnly: false })
    return
  }
  const fd = openSync(file, 'r')
  try {
    const piece = Buffer.allocUnsafe(PIECE)
    let [from, to] = [0, 0]
    const at = (place: number): number | undefined => {
      if (place < from || place >= to) {
        from = place
        to = place + readSync(fd, piece, 0, PIECE, place)
      }
      return place < to ? piece[place - from] : undefined
    }
    checkBounds({ length: fstatSync(fd).size, at }, { wholeOnly: false })
  } finally {
    closeSync(fd)
  }
}
