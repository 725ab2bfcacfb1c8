import { byteLengthOf, type NumericDType } from '../../core/dtype.ts'
import { failure } from '../../core/errors.ts'
import type { AdoptableFile } from '../../core/self.ts'
import { npyDictionary } from './npy-header.ts'

/** What the header of an NPY file says; the samples lie after each other from `offset`. */
export interface NpyHeader {
  readonly dtype: NumericDType
  /** Of the whole array; its first side counts the samples. */
  readonly shape: readonly number[]
  readonly offset: number
  /** Bytes of one sample. */
  readonly stride: number
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
const MOST_HEADER = 64 * 1024
const MOST_RANK = 32

const dtypesByCode: Readonly<Record<string, NumericDType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  b1: 'bool',
}

/**
 * Reads the header of an NPY file (versions 1 to 3), a Python dictionary of three keys. It is parsed, never evaluated.
 * @throws ActiveStorageError `bad-sample` naming the byte
 */
export const readNpyHeader = async (file: Pick<AdoptableFile, 'path' | 'bytes' | 'read'>): Promise<NpyHeader> => {
  const { path, bytes: size } = file
  const refuse = (byte: number, what: string) => failure('bad-sample', `${path}, byte ${byte}: ${what}`)
  const head = Buffer.alloc(12)
  const bytesRead = await file.read(head, 0)
  if (head.toString('latin1', 0, 4) === 'PK\x03\x04')
    throw refuse(0, 'this is an archive of arrays (.npz): save each with numpy.save(name, numpy.load(file)[name])')
  if (bytesRead < 10 || !head.subarray(0, 6).equals(MAGIC)) throw refuse(0, 'this is no NPY file: write it with numpy.save')
  const version = head[6]!
  if (version < 1 || version > 3 || head[7] !== 0)
    throw refuse(6, `NPY version ${version}.${head[7]}; versions 1.0, 2.0 and 3.0 are read: write it with numpy.save`)
  const start = version === 1 ? 10 : 12
  const length = version === 1 ? head.readUInt16LE(8) : head.readUInt32LE(8)
  if (length > MOST_HEADER) throw refuse(8, `a header of ${length} bytes; the most is ${MOST_HEADER}`)
  const bytes = Buffer.alloc(length)
  if ((await file.read(bytes, start)) < length) throw refuse(start, 'the file is cut off within its header: copy it again')
  const header = bytes.toString(version === 3 ? 'utf8' : 'latin1')
  const stated = npyDictionary(header)
  const descr = /^([<>|=]?)([a-zA-Z]\d{0,2})$/.exec(stated?.descr ?? '')
  if (descr?.[2] === 'O')
    throw refuse(start, 'dtype "object" holds Python objects, which are never loaded: save an array of numbers, with astype')
  if (descr === null || stated === undefined)
    throw refuse(
      start,
      `a header that does not give 'descr', 'fortran_order' and 'shape' of one plain dtype (${/'descr'.{0,60}/.exec(header)?.[0] ?? 'no descr'}): save an array of numbers`,
    )
  const code = descr[2] ?? ''
  const dtype = Object.hasOwn(dtypesByCode, code) ? dtypesByCode[code] : undefined
  if (dtype === undefined)
    throw refuse(start, `dtype "${descr[1]}${code}" is none of ${Object.keys(dtypesByCode).join(', ')}: convert the array with astype`)
  if (descr[1] === '>') throw refuse(start, `dtype ">${code}" is big-endian: save array.astype("<${code}")`)
  if (stated.fortran) throw refuse(start, 'the array is in Fortran order: save numpy.ascontiguousarray(array)')
  const { shape } = stated
  if (shape.length === 0) throw refuse(start, 'an array of no dimensions holds no samples: its first side counts them')
  if (shape.length > MOST_RANK) throw refuse(start, `an array of ${shape.length} dimensions; the most is ${MOST_RANK}`)
  const elements = shape.slice(1).reduce((product, side) => product * side, 1)
  const stride = byteLengthOf(dtype, elements)
  const total = stride * shape[0]!
  const offset = start + length
  if (!Number.isSafeInteger(total) || offset + total !== size)
    throw refuse(start, `shape (${shape.join(', ')}) of ${dtype} needs ${offset + total} bytes of file, there are ${size}: copy it again`)
  if (stride === 0) throw refuse(start, `samples of shape (${shape.slice(1).join(', ')}) hold nothing`)
  return { dtype, shape, offset, stride }
}
