import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AdoptReport } from '../../../src/objects/dataset/report.ts'
import { adopting } from './adopting.ts'
import { end, entry, header } from './tars.ts'

const skippedOf = ({ skipped }: AdoptReport) =>
  skipped.map(({ reason, examples }) => [reason, examples] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
const labelsOf = (samples: readonly { readonly id: string; readonly label?: string | number }[]) =>
  samples.map(({ id, label }) => [id, label])
/** A header whose name is these bytes. */
const rawEntry = (name: Buffer, bytes: Buffer): Buffer => {
  const block = entry('x'.repeat(name.length), bytes)
  name.copy(block, 0)
  block.fill(32, 148, 156)
  block.write(`${block.subarray(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148) // prettier-ignore
  return block
}

test('hidden files and folders are no samples and no classes, in a folder and in a tar', async (t) => {
  const { files, write, set } = await adopting(t)
  const hidden = ['.ipynb_checkpoints/a.jpg', '.Trashes/b.jpg', '__MACOSX/cat/._1.jpg', 'cat/._1.jpg', '@eaDir/1.jpg', '$RECYCLE.BIN/2.jpg']
  const names = [...hidden, 'cat/.DS_Store', 'cat/Thumbs.db', 'desktop.ini', 'cat/1.jpg', 'dog/1.jpg']
  const shown = [['cat/1.jpg', 0], ['dog/1.jpg', 1]] // prettier-ignore
  for (const name of names) write(`folder/${name}`, name)
  const tar = write('a.tar', Buffer.concat([...names.map((name) => entry(name, Buffer.from(name))), end]))
  const folder = await set('folder').adopt(join(files, 'folder'), { labels: 'class', strict: true })
  const packed = await set('tar').adopt(tar, { labels: 'class', strict: true })
  for (const [name, { report }] of [
    ['folder', folder],
    ['tar', packed],
  ] as const) {
    assert.deepEqual(labelsOf(await set(name).list()), shown)
    assert.deepEqual(
      [(await set(name).describe()).classes, report.skipped.map(({ reason, count }) => [reason, count])],
      [['cat', 'dog'], [['hidden', 9]]],
    )
    assert.equal(report.skipped[0]?.examples.length, 5)
  }
})

test('links are followed within the allowed folders, and told where they are not', async (t) => {
  const { base, files, write, set } = await adopting(t)
  mkdirSync(join(base, 'outside'))
  writeFileSync(join(base, 'outside/secret.jpg'), 'a secret')
  for (const name of ['pool/0.jpg', 'pool/1.jpg', 'set/cat/0.jpg']) write(name, name)
  symlinkSync(join(files, 'pool'), join(files, 'set/dog'))
  symlinkSync(join(files, 'pool/1.jpg'), join(files, 'set/cat/1.jpg'))
  symlinkSync(join(base, 'outside'), join(files, 'set/out'))
  symlinkSync(join(base, 'outside/secret.jpg'), join(files, 'set/cat/out.jpg'))
  symlinkSync('nowhere.jpg', join(files, 'set/cat/gone.jpg'))
  symlinkSync('..', join(files, 'set/cat/loop'))
  const { report } = await set().adopt(join(files, 'set'), { labels: 'class' })
  assert.deepEqual(labelsOf(await set().list()), [['cat/0.jpg', 0], ['cat/1.jpg', 0], ['dog/0.jpg', 1], ['dog/1.jpg', 1]]) // prettier-ignore
  assert.equal(Buffer.from(await set().read('dog/1.jpg')).toString(), 'pool/1.jpg')
  assert.deepEqual(
    skippedOf(report),
    [['link-broken', ['cat/gone.jpg']], ['link-loop', ['cat/loop']], ['link-outside', ['cat/out.jpg', 'out']]], // prettier-ignore
  )
  await assert.rejects(set('strict').adopt(join(files, 'set'), { labels: 'class', strict: true }), {
    code: 'invalid-argument',
    message: /links that lead nowhere/,
  })
})

test('endings of JPEG, PNG and WebP are taken, and others are told by reason', async (t) => {
  const { files, write, set } = await adopting(t)
  const taken = ['a.JPG', 'b.jpe', 'c.jfif', 'd.Png', 'e.webp', 'f.jpeg']
  for (const name of [...taken, 'g.bmp', 'h.tif', 'i', 'j.html', 'a.json', 'a.txt']) write(name, name)
  const { report } = await set().adopt(files)
  assert.deepEqual((await set().list()).map(({ id }) => id), taken) // prettier-ignore
  assert.deepEqual(
    skippedOf(report),
    [['label-file', ['a.json', 'a.txt']], ['no-ending', ['i']], ['no-image', ['j.html']], ['other-image', ['g.bmp', 'h.tif']]], // prettier-ignore
  )
  assert.deepEqual((await set('some').adopt(files, { include: '*.jfif', strict: true })).report.skipped, [])
})

test('.cls files beside images are labels: where every sample has one, or as asked', async (t) => {
  const { files, write, set } = await adopting(t)
  const names = ['0.jpg', '0.cls', '1.left.jpg', '1.cls', '2.JPG', '2.cls']
  for (const name of names) write(`set/${name}`, name.endsWith('cls') ? `${10 - Number(name[0])}\n` : name)
  const tar = write('a.tar', Buffer.concat([...names.map((name) => entry(name, Buffer.from(name.endsWith('cls') ? `${10 - Number(name[0])}` : name))), end])) // prettier-ignore
  for (const [index, [path, labels]] of (
    [
      [join(files, 'set'), {}],
      [tar, {}],
      [tar, { labels: 'cls' }],
    ] as const
  ).entries()) {
    const { report } = await set(`s${index}`).adopt(path, labels)
    assert.deepEqual(labelsOf(await set(`s${index}`).list()), [['0.jpg', 10], ['1.left.jpg', 9], ['2.JPG', 8]]) // prettier-ignore
    assert.equal(report.labels, '.cls files (numbers)')
  }
  const masks = ['a.jpg', 'a.seg.png', 'a.cls', 'b.1.jpg', 'b.1.cls', 'b.2.jpg', 'b.2.cls']
  const shared = write('m.tar', Buffer.concat([...masks.map((name) => entry(name, Buffer.from('1'))), end]))
  assert.match((await set('masks').adopt(shared)).report.doubts.join(), /^images with one \.cls file \(first a\.jpg and a\.seg\.png\) are/)
  const asked = (await set('asked').adopt(shared, { labels: 'cls' })).report
  assert.deepEqual([asked.doubts, asked.notes.length], [[], 1])
  await assert.rejects(set('bad').adopt(tar, { labels: 'class' }), {
    code: 'invalid-argument',
    message: /no sample lies in one: the \.cls files.*"cls"/,
  })
  write('set/3.jpg', 'x')
  await assert.rejects(set('bad').adopt(join(files, 'set'), { labels: 'cls' }), {
    code: 'invalid-argument',
    message: /1 samples have no \.cls file.*3\.jpg/,
  })
  assert.match((await set('some').adopt(join(files, 'set'))).report.doubts.join(), /3 samples have a \.cls file beside them, 1 have none/)
  for (const label of ['cat', '1.5', '', '9007199254740993'])
    await assert.rejects(
      set('bad').adopt(write('b.tar', Buffer.concat([entry('0.jpg', Buffer.from('x')), entry('0.cls', Buffer.from(label)), end]))),
      {
        code: 'bad-sample',
        message: /0\.cls holds/,
      },
    )
})

test('names whose bytes are no UTF-8 stay apart in a tar, and are refused by name in a folder', async (t) => {
  const { files, write, set } = await adopting(t)
  const name = (byte: number, file: string) => Buffer.from(`caf${String.fromCharCode(byte)}/${file}`, 'latin1')
  const body = Buffer.from('x')
  const path = write(
    'a.tar',
    Buffer.concat([rawEntry(name(0xe9, '1.png'), body), rawEntry(name(0xe8, '1.png'), body), rawEntry(name(0xe8, '2.png'), body), end]),
  )
  const { report } = await set().adopt(path, { labels: 'class' })
  assert.deepEqual(labelsOf(await set().list()), [['caf%E8/1.png', 0], ['caf%E8/2.png', 0], ['caf%E9/1.png', 1]]) // prettier-ignore
  assert.match(report.doubts.join(), /no UTF-8 are written with %XX, first "caf%E9\/1\.png"/)
  const alike = write('b.tar', Buffer.concat([rawEntry(name(0xe9, '1.png'), body), entry('caf%E9/2.png', body), end]))
  await assert.rejects(set('bad').adopt(alike, { labels: 'class' }), {
    code: 'bad-sample',
    message: /"caf%E9\/2\.png" has such digits of its own/,
  })

  const folder = Buffer.concat([Buffer.from(`${files}/latin/caf`), Buffer.from([0xe9])])
  mkdirSync(folder, { recursive: true })
  writeFileSync(Buffer.concat([folder, Buffer.from('/1.png')]), 'x')
  await assert.rejects(set('bad').adopt(join(files, 'latin')), {
    code: 'bad-sample',
    message: /latin\/caf%E9: the bytes of this name are no UTF-8/,
  })
})

test('in a tar, links to its files are samples, later entries replace earlier ones, and the rest is told', async (t) => {
  const { write, set } = await adopting(t)
  const link = (from: string, to: string, type: '1' | '2') => {
    const block = header(from, 0, type)
    block.write(to, 157)
    block.fill(32, 148, 156)
    block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148) // prettier-ignore
    return block
  }
  const path = write(
    'a.tar',
    Buffer.concat([
      entry('a/1.jpg', Buffer.from('old')),
      link('a/hard.jpg', 'a/1.jpg', '1'),
      link('b/soft.jpg', '../a/hard.jpg', '2'),
      link('b/out.jpg', '../../etc/passwd', '2'),
      link('b/gone.jpg', 'nothing.jpg', '2'),
      link('c', 'a', '2'),
      entry('./a//1.jpg', Buffer.from('new')),
      end,
    ]),
  )
  const { report } = await set().adopt(path)
  assert.deepEqual((await set().list()).map(({ id }) => id), ['a/1.jpg', 'a/hard.jpg', 'b/soft.jpg']) // prettier-ignore
  assert.equal(Buffer.from(await set().read('a/1.jpg')).toString(), 'new')
  assert.equal(Buffer.from(await set().read('b/soft.jpg')).toString(), 'old', 'a hard link is what its name meant before it')
  assert.deepEqual(
    skippedOf(report),
    [['link-broken', ['b/gone.jpg']], ['link-folder', ['c']], ['link-outside', ['b/out.jpg']], ['replaced', ['a/1.jpg']]], // prettier-ignore
  )
})
