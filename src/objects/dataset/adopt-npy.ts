import { byteLengthOf } from '../../core/dtype.ts'
import { failure } from '../../core/errors.ts'
import { fromHalf } from '../../core/half.ts'
import type { AdoptableFile, Content } from '../../core/self.ts'
import { tensorFromBytes } from '../../core/tensor.ts'
import type { Adopted } from './adopted.ts'
import { mapSliced } from '../../core/slices.ts'
import { type NpyHeader, readNpyHeader } from './npy.ts'
import type { ReportBuilder } from './report.ts'
import { MOST_SAMPLES, type Row } from './sample.ts'

type Files = Pick<Content, 'adoptParts' | 'read'>

/** An array of labels as numbers. @throws `bad-sample` for a label that is no finite number, or beyond 2^53 */
const labelsOf = async (
  file: AdoptableFile,
  { dtype, shape, offset }: NpyHeader,
  files: Files,
  signal: AbortSignal,
): Promise<readonly number[]> => {
  const { path } = file
  if (shape.length !== 1)
    throw failure(
      'invalid-argument',
      `${path}: labels are one number a sample, an array of one dimension, not ${dtype} (${shape.join(', ')})`,
    )
  const [ref] = await files.adoptParts(file, [{ offset, bytes: byteLengthOf(dtype, shape[0]!) }], signal)
  const { data } = tensorFromBytes(dtype, await files.read(ref!, signal), shape)
  return mapSliced<unknown, number>(data, (given, index) => {
    const value = dtype === 'float16' ? fromHalf(Number(given)) : Number(given)
    if (!Number.isFinite(value)) throw failure('bad-sample', `${path}: label ${index} is ${value}: labels are finite numbers`)
    if (typeof given === 'bigint' && BigInt(value) !== given)
      throw failure('bad-sample', `${path}: label ${index} is ${given}, and labels beyond 2^53 lose digits: number the classes from 0`)
    return value
  })
}

/** The samples along the first axis of an array, by their places of nine digits; `label` is an array beside it. */
export const adoptNpy = async (
  file: AdoptableFile,
  label: AdoptableFile | undefined,
  known: readonly string[],
  files: Files,
  report: ReportBuilder,
  signal: AbortSignal,
): Promise<Adopted> => {
  const { dtype, shape, offset, stride } = await readNpyHeader(file)
  const { path } = file
  const [count = 0, ...sides] = shape
  if (count > MOST_SAMPLES) throw failure('too-large', `${path} has ${count} samples; the most is ${MOST_SAMPLES}: split it`)
  const labels = label === undefined ? undefined : await labelsOf(label, await readNpyHeader(label), files, signal)
  if (labels !== undefined && labels.length !== count)
    throw failure('invalid-argument', `${label?.path} has ${labels.length} labels for the ${count} samples of ${path}`)
  const refs = await files.adoptParts(
    file,
    await mapSliced(new Uint8Array(count), (_, index) => ({ offset: offset + index * stride, bytes: stride })),
    signal,
  )
  report.ids = 'the place along the first axis'
  if (label !== undefined) report.labels = `${label.path} (numbers)`
  return {
    rows: await mapSliced(refs, (content, index): readonly [string, Row] => {
      const value = labels?.[index]
      return [String(index).padStart(9, '0'), { content, ...(value !== undefined && { label: value }) }]
    }),
    layout: { dtype, shape: sides },
    classes: known,
  }
}
