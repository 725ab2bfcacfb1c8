import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { indexTar } from '../../../src/objects/dataset/tar.ts'
import { temporaryFolder } from '../../storage-node/support.ts'
import { openedFile } from './opened-file.ts'
import { end, entry, gnuLong, header, paxLong, paxRecord, summed } from './tars.ts'

const live = new AbortController().signal
const written = (t: TestContext, ...blocks: readonly Buffer[]) => {
  const path = join(temporaryFolder(t), 'a.tar')
  writeFileSync(path, Buffer.concat(blocks))
  return { path, bytes: Buffer.concat(blocks) }
}
const contents = async (t: TestContext, ...blocks: readonly Buffer[]) => {
  const { path, bytes } = written(t, ...blocks)
  return (await indexTar(openedFile(path), live)).map(({ name, offset, bytes: length }) => [
    name,
    bytes.toString('utf8', offset, offset + length),
  ])
}

test('files are found where they lie, under short, prefixed, GNU and PAX names', async (t) => {
  const long = `${'folder/'.repeat(30)}ü.jpg`
  assert.deepEqual(
    await contents(
      t,
      entry('d/', Buffer.alloc(0), '5'),
      entry('./d/a.jpg', Buffer.from('one')),
      gnuLong(long, Buffer.from('two')),
      paxLong(`p/${long}`, Buffer.from('three')),
      entry('b.jpg', Buffer.alloc(0), '0', 'under'),
      entry('last', Buffer.from('x'.repeat(513))),
      end,
    ),
    [
      ['d/a.jpg', 'one'],
      [long, 'two'],
      [`p/${long}`, 'three'],
      ['under/b.jpg', ''],
      ['last', 'x'.repeat(513)],
    ],
  )
})

test('a size in binary, as GNU writes large ones, and one in a PAX header, are read', async (t) => {
  const big = header('a', 0)
  big.fill(0, 124, 136)
  big[124] = 0x80
  big.writeUInt32BE(3, 132)
  const body = Buffer.concat([Buffer.from('abc'), Buffer.alloc(509)])
  assert.deepEqual(await contents(t, summed(big), body, end), [['a', 'abc']])
  assert.deepEqual(await contents(t, entry('x', Buffer.from(paxRecord('size', '3')), 'x'), header('a', 0), body, end), [['a', 'abc']])
})

test('a tar without its two last blocks is whole too', async (t) =>
  assert.deepEqual(await contents(t, entry('a', Buffer.from('b'))), [['a', 'b']]))

test('global headers that say nothing of files, and names as bytes, are read', async (t) => {
  // 11 bytes: two digits, a space, "path=", two bytes that are no UTF-8, and the end of the line.
  const path = Buffer.concat([Buffer.from(paxRecord('hdrcharset', 'BINARY')), Buffer.from('11 path=\xe9\xff\n', 'latin1')])
  assert.deepEqual(
    await contents(
      t,
      entry('g', Buffer.from(paxRecord('comment', 'made by git')), 'g'),
      entry('x', path, 'x'),
      entry('short', Buffer.from('a')),
      end,
    ),
    [['%E9%FF', 'a']],
  )
})

const refused = (name: string, blocks: readonly Buffer[], wanted: RegExp) =>
  void test(`refuses ${name}, naming the byte`, async (t) => {
    const { path } = written(t, ...blocks)
    await assert.rejects(indexTar(openedFile(path), live), (error) => {
      assert.ok(isActiveStorageError(error, 'bad-sample'), String(error))
      assert.match(error.message, wanted)
      return true
    })
  })
const good = entry('a', Buffer.from('good'))
refused('a device', [header('l', 0, '3'), end], /type "3"/)
refused('a sparse file', [header('l', 0, 'S'), end], /sparse/)
const pax = (key: string, value: string, type = 'x') => entry('PaxHeaders/x', Buffer.from(paxRecord(key, value)), type)
refused('a sparse file of PAX', [pax('GNU.sparse.major', '1'), good, end], /"a" is a sparse file.*--sparse/)
refused('a global header that renames', [pax('path', 'b', 'g'), good, end], /byte 0: a global PAX header that sets "path"/)
refused('names in another character set', [pax('hdrcharset', 'KOI8-R'), good, end], /character set "KOI8-R"/)
refused('a name that leads out', [entry('a/../../b', Buffer.from('x')), end], /byte 0: the name "a\/\.\.\/\.\.\/b" leads out/)
refused('an absolute name', [entry('/etc/x', Buffer.from('x')), end], /leads out/)
refused('a damaged header', [good, Buffer.alloc(512, 7), end], /byte 1024: this is no header.*unpacked to a plain tar/)
refused('a tar cut off in an entry', [header('a', 5000), Buffer.alloc(512)], /byte 0: an entry of 5000 bytes ends beyond the 1024 bytes/)
refused('a tar cut off in a header', [good, header('b', 0).subarray(0, 100)], /byte 1024: the tar is cut off/)
refused('a tar cut off after an entry', [good, entry('b', Buffer.from('good')).subarray(0, 600)], /byte 2048: the tar is cut off after/)
refused('a file too short for a tar', [Buffer.from([0x1f, 0x8b, 8, 0])], /byte 0: this is no tar, with 4 bytes.*unpack/)
refused('a name without end', [header('x', 10_000_000, 'L'), Buffer.alloc(10_000_512), end], /header extension of 10000000 bytes/)
refused('PAX records that do not fit', [entry('x', Buffer.from('99 path=a\n'), 'x'), good, end], /PAX/)
refused('a PAX size that is none', [entry('x', Buffer.from(paxRecord('size', '-3')), 'x'), good, end], /PAX size/)

test('entries that may be missing are told: a tar without end, or with bytes behind it', async (t) => {
  const doubts = async (...blocks: readonly Buffer[]) => {
    const told: string[] = []
    const entries = await indexTar(openedFile(written(t, ...blocks).path), live, undefined, (sentence) => told.push(sentence))
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['a'],
    )
    return told
  }
  assert.deepEqual(await doubts(good, end, Buffer.alloc(9216)), [])
  assert.deepEqual(await doubts(good, Buffer.alloc(512)), [])
  assert.match((await doubts(good)).join(), /^the tar has no end/)
  assert.match(
    (await doubts(good, end, entry('b', Buffer.from('more')), end)).join(),
    /^entries behind the end of the tar, from byte 2048,/,
  )
  assert.match((await doubts(good, end, Buffer.from('rest'))).join(), /^bytes behind the end of the tar, from byte 2048,/)
})

test('whatever bytes are changed, a tar is read or refused, and no entry lies outside it', async (t) => {
  const whole = Buffer.concat([
    entry('a/b.jpg', Buffer.from('one')),
    gnuLong('n'.repeat(150), Buffer.from('two')),
    paxLong('p'.repeat(200), Buffer.from('three')),
    end,
  ])
  const path = join(temporaryFolder(t), 'f.tar')
  const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.nat(whole.length), async (changes, length) => {
      const bytes = Buffer.from(whole)
      for (const { at, byte } of changes) bytes[at] = byte
      writeFileSync(path, bytes.subarray(0, length))
      try {
        for (const { offset, bytes: size } of await indexTar(openedFile(path), live)) assert.ok(offset >= 512 && offset + size <= length)
      } catch (error) {
        assert.ok(isActiveStorageError(error, 'bad-sample'), String(error))
      }
    }),
    { numRuns: 200 },
  )
})
