import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parse } from '../../src/commands/command.ts'
import { put } from '../../src/commands/put.ts'
import { adoptOptionsOf, pushFiles } from '../../src/commands/put-dataset.ts'
import { reportText } from '../../src/commands/report-text.ts'
import { temporaryFolder } from '../storage-node/support.ts'

type DataSet = Parameters<typeof pushFiles>[0]
/** A data set that remembers what was put into it. */
const recorder = () => {
  const samples: { id: string; label?: string | number }[] = []
  const set = {
    put: (given: readonly { id: string; label?: string | number }[]) => {
      samples.push(...given.map(({ id, label }) => ({ id, ...(label !== undefined && { label }) })))
      return Promise.resolve({ count: samples.length, bytes: 0 })
    },
  }
  return { samples, set: set as unknown as DataSet }
}
const written = (t: TestContext, ...names: readonly string[]) => {
  const folder = temporaryFolder(t)
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), name)
  }
  return folder
}
const quiet = () => undefined

test('of a folder with images the images are pushed, those behind links too, and the rest is told', async (t) => {
  const folder = written(t, 'cat/1.jpg', 'cat/.DS_Store', 'cat/Thumbs.db', '.ipynb_checkpoints/1.jpg', 'README.md', 'x.bmp')
  symlinkSync(join(folder, 'cat'), join(folder, 'dog'))
  symlinkSync('..', join(folder, 'cat/up'))
  const { samples, set } = recorder()
  const { report } = await pushFiles(set, [folder], 'folder', false, quiet)
  assert.deepEqual(samples, [
    { id: 'cat/1.jpg', label: 'cat' },
    { id: 'dog/1.jpg', label: 'dog' },
  ])
  assert.deepEqual(
    report.skipped.map(({ reason, count }) => [reason, count]).toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    [
      ['hidden', 5],
      ['link-loop', 2],
      ['no-image', 1],
      ['other-image', 1],
    ],
  )
  assert.match(reportText(report), /^left out:\n {2}.*\n {2}/)
  const strict = recorder()
  await assert.rejects(pushFiles(strict.set, [folder], 'folder', true, quiet), { code: 'invalid-argument', message: /README\.md/ })
  assert.deepEqual(strict.samples, [])
})

test('a table that is sent as one sample is a doubt', async (t) => {
  const folder = written(t, 'a.csv', 'b.bin')
  const { report } = await pushFiles(recorder().set, [join(folder, 'a.csv'), join(folder, 'b.bin')], undefined, false, quiet)
  assert.equal(report.doubts.length, 1)
  assert.match(report.doubts[0]!, /a\.csv is sent as one sample: --adopt/)
})

test('of a folder without images all files are pushed, and files that are named always are', async (t) => {
  const folder = written(t, 'a.txt', 'b/c.bin', 'd/1.jpg')
  const { samples, set } = recorder()
  await pushFiles(set, [join(folder, 'b'), join(folder, 'a.txt'), join(folder, 'd')], undefined, true, quiet)
  assert.deepEqual(samples, [{ id: 'c.bin' }, { id: 'a.txt' }, { id: '1.jpg' }])
})

test('two files of one id, and a name that is no UTF-8, are refused before anything is sent', async (t) => {
  const folder = written(t, 'a/1.jpg', 'b/1.jpg')
  const { samples, set } = recorder()
  await assert.rejects(pushFiles(set, [join(folder, 'a'), join(folder, 'b')], undefined, false, quiet), {
    code: 'invalid-argument',
    message: /would both have the id "1\.jpg"/,
  })
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/a/caf`), Buffer.from([0xe9]), Buffer.from('.jpg')]), 'x')
  await assert.rejects(pushFiles(set, [folder], undefined, false, quiet), { code: 'bad-sample', message: /a\/caf%E9\.jpg/ })
  assert.deepEqual(samples, [])
})

test('options of adopt are read from the command line', () => {
  const options = (...args: string[]) => adoptOptionsOf(parse(put, ['dataset', 'x', 'a.csv', '--adopt', ...args]))
  assert.deepEqual(
    options('--strict', '--fill=-1', '--missing', '?,-', '--columns', 'a=float64,b=c=string', '--decimal', ',', '--edges-by', 'row'), // prettier-ignore
    { strict: true, fill: -1, missing: ['?', '-'], columns: { a: 'float64', 'b=c': 'string' }, decimal: ',', edgesBy: 'row' },
  )
  for (const [args, message] of [
    [['--fill', 'x'], /--fill x: use a number/],
    [['--columns', 'a=text'], /--columns a=text: use NAME=DTYPE/],
    [['--labels', 'name'], /--labels name: use one of folder, class, cls/],
  ] as const)
    assert.throws(() => options(...args), { code: 'invalid-argument', message })
})
