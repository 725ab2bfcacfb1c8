import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { type CsvRecord, csvRecords } from '../../../src/objects/dataset/csv.ts'
import { openTable, type Table, type TableOptions } from '../../../src/objects/dataset/columns.ts'
import { slowRecords } from './csv-reference.ts'
import { openedFile } from './opened-file.ts'
import { temporaryFolder } from '../../storage-node/support.ts'

const live = new AbortController().signal
const fileOf = (t: TestContext, text: string | Buffer) => {
  const path = join(temporaryFolder(t), 'a.csv')
  writeFileSync(path, text)
  return { path, file: openedFile(path), delimiter: ',', quotes: true }
}
const fieldsOf = async (format: Parameters<typeof csvRecords>[0]) => {
  const all = []
  for await (const group of csvRecords(format, live)) all.push(...group.map(({ fields }) => fields))
  return all
}

test('what is written by RFC 4180 is read back, whatever is in the fields', async (t) => {
  const format = fileOf(t, '')
  const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`
  const field = fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', '\r', ' ', '😀', '1'), maxLength: 8 })
  const plain = fc.string({ unit: fc.constantFrom('a', 'ü', ' ', '1', '.'), minLength: 1, maxLength: 8 })
  const rows = fc.array(
    fc.array(
      fc.oneof(
        field.map((text) => [quoted(text), text]),
        plain.map((text) => [text, text]),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    { maxLength: 6 },
  )
  await fc.assert(
    fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (table, line, ended) => {
      writeFileSync(
        format.path,
        table.map((row) => row.map(([text]) => text).join(',')).join(line) + (ended && table.length > 0 ? line : ''),
      )
      assert.deepEqual(
        await fieldsOf(format),
        table.map((row) => row.map(([, text]) => text)),
      )
    }),
    { numRuns: 200 },
  )
})

test('any text gives the records of a slow reader, or is refused with it', async (t) => {
  const format = fileOf(t, '')
  const text = fc.string({ unit: fc.constantFrom('a', ' ', '"', ',', '\n', '\r', '\t', '😀', '""', '","'), maxLength: 24 })
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom(',', '\t'), fc.boolean(), async (content, delimiter, quotes) => {
      writeFileSync(format.path, content)
      const read = await fieldsOf({ ...format, delimiter, quotes }).catch((error: unknown) => {
        assert.ok(isActiveStorageError(error, 'bad-sample'), String(error))
        return undefined
      })
      assert.deepEqual(read, slowRecords(content, delimiter, quotes))
    }),
    { numRuns: 500 },
  )
})

test('records that lie across the spans of a file are whole', async (t) => {
  const rows = Array.from({ length: 40_000 }, (_, row) => [String(row), 'ü'.repeat(row % 40), `"${'x\r\n'.repeat(row % 5)}"`])
  const format = fileOf(t, rows.map((row) => row.join(',')).join('\r\n'))
  const read = await fieldsOf(format)
  assert.deepEqual(
    read,
    rows.map(([a, b, c]) => [a, b, c!.slice(1, -1)]),
  )
})

test('a place is the line and the column in characters, after line breaks in quotes and lone CRs too', async (t) => {
  await assert.rejects(tableOf(t, 'a,b\r1,"x\ny"\r\n2,"😀",3\n'), /a\.csv:4:3: 3 fields where the header has 2/)
})

const refusedAt = (name: string, text: string | Buffer, wanted: RegExp) =>
  void test(`refuses ${name}`, async (t) => {
    await assert.rejects(fieldsOf(fileOf(t, text)), (error) => {
      assert.ok(isActiveStorageError(error, 'bad-sample'), String(error))
      assert.match(error.message, wanted)
      return true
    })
  })
refusedAt('a quote that is never closed', 'a,b\n1,"2\n3', /a\.csv:2:3: the file ends within a quoted field/)
refusedAt('a quote within a field', 'a,b\n1,2"3\n', /a\.csv:2:4: a quote within a field/)
refusedAt('text after a closing quote', 'a,b\n1,"2"3\n', /a\.csv:2:6: something stands between/)
refusedAt('bytes that are no UTF-8', Buffer.from([97, 10, 0xff, 10]), /a\.csv:2: bytes that are no UTF-8.*iconv/)
refusedAt('UTF-16', Buffer.from('\ufeffa,b\n', 'utf16le'), /a\.csv:1:1: the file is UTF-16/)
refusedAt('what gzip made', Buffer.from([0x1f, 0x8b, 8, 0]), /compressed by gzip/)
refusedAt('a zip archive', Buffer.from('PK\x03\x04rest'), /zip archive, as \.xlsx/)
refusedAt('a record without end', `a\n"${'x'.repeat(5 * 1024 * 1024)}`, /a\.csv:2:1: a record of more than/)

const tableOf = (t: TestContext, text: string, options: TableOptions = {}) => openTable(fileOf(t, text), options, undefined, live)
const valueAt = (table: Table, record: CsvRecord, column: number) => {
  const dtype = table.dtypes[column]
  if (dtype === 'string') return record.fields[column]
  return dtype === 'int64' ? table.wholeAt(record, column) : table.numberAt(record, column)
}
const valuesOf = async (table: Awaited<ReturnType<typeof openTable>>) => {
  const all = []
  for await (const group of table.records(live))
    for (const record of group) all.push(table.names.map((_, column) => valueAt(table, record, column)))
  return all
}

test('dtypes are inferred from all values, or declared', async (t) => {
  const text = 'a,b,c,d\n1,2.5,x,9007199254740993\n-2,3,4,1\n'
  const table = await tableOf(t, text)
  assert.deepEqual(table.dtypes, ['int64', 'float32', 'string', 'int64'])
  assert.deepEqual(await valuesOf(table), [
    [1n, 2.5, 'x', 9007199254740993n],
    [-2n, 3, '4', 1n],
  ])
  assert.deepEqual((await tableOf(t, text, { columns: { a: 'float32', b: 'string' } })).dtypes, ['float32', 'string', 'string', 'int64'])
})

test('a missing number is an error at its place, or what fill says', async (t) => {
  const text = 'a,b\n1,2\n3,\nNA,4\n'
  await assert.rejects(async () => valuesOf(await tableOf(t, text)), {
    code: 'bad-sample',
    message: /a\.csv:3:3: column "b" has no value.*fill/,
  })
  assert.deepEqual(await valuesOf(await tableOf(t, text, { fill: -1 })), [
    [1n, 2n],
    [3n, -1n],
    [-1n, 4n],
  ])
})

test('what does not fit a declared column, a short line and a second column of a name are named by their places', async (t) => {
  await assert.rejects(
    async () => valuesOf(await tableOf(t, 'a,b\n1,2\n1,x\n', { columns: { b: 'float32' } })),
    /a\.csv:3:3: "x" is no float32/,
  )
  await assert.rejects(
    async () => valuesOf(await tableOf(t, 'a,b\n1,2.5\n', { columns: { b: 'int64' } })),
    /a\.csv:2:3: "2\.5" is no int64/,
  )
  await assert.rejects(tableOf(t, 'a,b\n1,2\n1\n'), /a\.csv:3:1: 1 fields where the header has 2/)
  await assert.rejects(tableOf(t, 'a,a\n1,2\n'), /a\.csv:1:3: a second column "a"/)
  await assert.rejects(tableOf(t, `a,${'b'.repeat(2000)}\n1,x\n`), /a\.csv:1:3: a name of 2000 characters; the most is 1000/)
  await assert.rejects(tableOf(t, 'a,b\n'), /a header and at least one line/)
  await assert.rejects(tableOf(t, 'a,b\n1,2\n', { columns: { z: 'float32' } }), {
    code: 'invalid-argument',
    message: /"z" is no column.*a, b/,
  })
})
