/** An NPY file as numpy writes it, with its data at byte 128. */
export const npy = (descr: string, shape: string, data: Buffer, version = 1, fortran = 'False'): Buffer => {
  const start = version === 1 ? 10 : 12
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`.padEnd(127 - start) + '\n'
  const head = Buffer.alloc(start)
  head.write('\x93NUMPY', 'latin1')
  head[6] = version
  if (version === 1) head.writeUInt16LE(text.length, 8)
  else head.writeUInt32LE(text.length, 8)
  return Buffer.concat([head, Buffer.from(text, 'latin1'), data])
}
