import { createHash } from 'node:crypto'
import { failure } from '../../core/errors.ts'
import type { ModelSource } from '../../core/self.ts'

/** What identifies a model: the hash of its file, or of the list of its files where it has external data. */
export const hashOfModel = ({ file, external }: Pick<ModelSource, 'file' | 'external'>): string =>
  external.length === 0
    ? file.hash
    : createHash('sha256')
        .update([{ location: '', content: file }, ...external].map(({ location, content }) => `${location}\0${content.hash}\n`).join(''))
        .digest('hex')

/**
 * Sessions are kept by a model's hash, so a hash that a caller sends is never believed: with it, one caller could make another's
 * model answer wrongly.
 * @throws `invalid-argument` where the hash is not that of the files
 */
export const checkModel = (model: ModelSource): void => {
  if (model.hash === hashOfModel(model)) return
  throw failure(
    'invalid-argument',
    `the model's hash ${model.hash.slice(0, 16)} is not that of its files: pass on what \`describe\` of the model gives, as it is`,
  )
}
