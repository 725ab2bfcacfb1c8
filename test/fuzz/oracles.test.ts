import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entry, end, gnuLong, paxLong } from '../objects/dataset/tars.ts'
import { npy } from '../objects/dataset/npys.ts'
import { type Adoptee, openAdopting } from './files/adopting.ts'
import { comparedTable } from './files/csv-compared.ts'
import { npyHeader } from './files/npy-reference.ts'
import { tarFiles } from './files/tar-reference.ts'

test('the other reader of NPY headers reads what numpy writes, and nothing else', () => {
  const data = Buffer.alloc(24)
  assert.deepEqual(npyHeader(npy('<f4', '(2, 3)', data)), { dtype: 'float32', shape: [2, 3], offset: 128 })
  assert.deepEqual(npyHeader(npy('|u1', '(24,)', data, 2)), { dtype: 'uint8', shape: [24], offset: 128 })
  for (const odd of ['(24)', '(03,)', '(2,, 3)']) assert.equal(typeof npyHeader(npy('<f4', odd, data)), 'string', odd)
})

test('the other reader of tars gives the images as they would be unpacked, or does not know', () => {
  const [one, two] = [Buffer.from('one'), Buffer.from('two')]
  const name = `${'x'.repeat(150)}.jpg`
  const tar = Buffer.concat([
    entry('a/1.jpg', one),
    entry('a/1.jpg', two),
    entry('b.txt', one),
    gnuLong(name, one),
    paxLong('p.png', two),
    end,
  ])
  assert.deepEqual(
    [...tarFiles(tar)!].map(([path, bytes]) => [path, String(bytes)]),
    [
      ['a/1.jpg', 'two'],
      [name, 'one'],
      ['p.png', 'two'],
    ],
  )
  assert.equal(tarFiles(tar.subarray(0, 1300)), undefined)
})

test('wrong values, labels and rows of a table are told', async () => {
  const { adopt, close } = openAdopting('csv')
  const table = Buffer.from('a,b,c\n1,2.5,x\n3,NA,y\n')
  const options = { fill: 7, label: 'c' }
  const told = (change: (set: Adoptee) => Adoptee) => adopt(table, options, (set) => comparedTable(table, options, change(set)))
  assert.equal(await told((set) => set), undefined)
  const flipped = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => (at === 5 ? byte ^ 1 : byte))
  assert.match((await told((set) => ({ ...set, read: async (id) => flipped(await set.read(id)) }))) ?? '', /^row 1 of .*float32/)
  assert.match((await told((set) => ({ ...set, count: 3 }))) ?? '', /3 samples of 2 rows/)
  const relabelled = async (set: Adoptee) => (await set.samples()).map((sample) => ({ ...sample, label: 0 }))
  assert.match((await told((set) => ({ ...set, samples: () => relabelled(set) }))) ?? '', /row 2: label 0/)
  await close()
})
