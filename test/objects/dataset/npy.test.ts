import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readNpyHeader } from '../../../src/objects/dataset/npy.ts'
import { temporaryFolder } from '../../storage-node/support.ts'
import { npy } from './npys.ts'
import { openedFile } from './opened-file.ts'

const headerOf = (t: TestContext, bytes: Buffer) => {
  const path = join(temporaryFolder(t), 'a.npy')
  writeFileSync(path, bytes)
  return readNpyHeader(openedFile(path))
}

test('the headers of versions 1 to 3 are read', async (t) => {
  for (const version of [1, 2, 3])
    assert.deepEqual(await headerOf(t, npy('<f4', '(2, 3)', Buffer.alloc(24), version)), {
      dtype: 'float32',
      shape: [2, 3],
      offset: 128,
      stride: 12,
    })
  assert.deepEqual(await headerOf(t, npy('|u1', '(5,)', Buffer.alloc(5))), { dtype: 'uint8', shape: [5], offset: 128, stride: 1 })
})

const refused = (name: string, bytes: Buffer, wanted: RegExp) =>
  void test(`refuses ${name}`, (t) =>
    assert.rejects(
      headerOf(t, bytes),
      (error: Error) => /^\[bad-sample\].*a\.npy, byte \d+/.test(error.message) && wanted.test(error.message),
    ))
refused('what is no NPY', Buffer.from('hello, world'), /byte 0: this is no NPY/)
refused('an archive of arrays', Buffer.from('PK\x03\x04 and more'), /\.npz\): save each with numpy\.save/)
refused('complex numbers', npy('<c8', '(1,)', Buffer.alloc(8)), /dtype "<c8" is none of f2, f4/)
refused('an empty file', Buffer.alloc(0), /byte 0/)
refused('another version', npy('<f4', '(1,)', Buffer.alloc(4), 9), /byte 6: NPY version 9/)
refused('big-endian numbers', npy('>f4', '(1,)', Buffer.alloc(4)), /big-endian.*astype/)
refused('Fortran order', npy('<f4', '(1, 1)', Buffer.alloc(4), 1, 'True'), /ascontiguousarray/)
refused('objects', npy('|O', '(1,)', Buffer.alloc(4)), /dtype "object" holds Python objects/)
refused('no samples', npy('<f4', '()', Buffer.alloc(4)), /no dimensions/)
refused('a cut off file', npy('<f4', '(4,)', Buffer.alloc(12)), /needs 144 bytes of file, there are 140/)
refused('a shape that no file could hold', npy('<f4', '(99999999999, 99999999999)', Buffer.alloc(4)), /bytes of file/)
refused('a cut off header', npy('<f4', '(4,)', Buffer.alloc(0)).subarray(0, 60), /cut off within its header/)
