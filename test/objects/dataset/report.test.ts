import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentRef } from '../../../src/core/content.ts'
import { createReport } from '../../../src/objects/dataset/report.ts'

const content = new ContentRef('0'.repeat(64), 1, 'a')

test('a report is bounded, whatever was met', async () => {
  const report = createReport()
  for (let index = 0; index < 5000; index++) {
    report.skip('no-image', 'x'.repeat(100_000))
    report.doubt(`doubt ${index}`)
    report.note(`note ${index}`)
    report.column({ name: 'c'.repeat(100_000), dtype: 'int64', role: 'feature', missing: 0 })
  }
  const rows = Array.from({ length: 5000 }, (_, index) => [String(index), { content, label: index }] as const)
  const made = await report.finish({ format: 'csv', path: 'a.csv', strict: false }, { rows, classes: [] })
  assert.ok(JSON.stringify(made).length < 60_000)
  assert.deepEqual([made.moreColumns, made.moreClasses, made.moreDoubts, made.skipped[0]?.count], [4900, 4900, 4950, 5000])
})

test('labels that are measures are no classes', async () => {
  const rows = Array.from({ length: 70_000 }, (_, index) => [String(index), { content, label: index / 7 }] as const)
  assert.equal((await createReport().finish({ format: 'csv', path: 'a.csv', strict: true }, { rows, classes: [] })).classes, undefined)
})

test('strict lists the first doubts, and leaves out what is ordinary', async () => {
  const report = createReport()
  report.skip('hidden', '.DS_Store')
  const finish = () => report.finish({ format: 'folder', path: '/srv/a', strict: true }, { rows: [], classes: [] })
  assert.equal((await finish()).skipped.length, 1)
  report.skip('other-image', 'a.bmp')
  for (let index = 0; index < 7; index++) report.doubt(`doubt ${index}`)
  await assert.rejects(finish, { code: 'invalid-argument', message: /\/srv\/a is not adopted.*- doubt 0\n.*- doubt 4\n- and 3 more$/s })
})
