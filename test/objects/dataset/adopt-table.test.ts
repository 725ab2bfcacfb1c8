import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adopting } from './adopting.ts'

const floats = (bytes: Uint8Array) => [...new Float32Array(Uint8Array.from(bytes).buffer)]
const rows = (odd: string, count = 20) =>
  `age,bmi,label\n${Array.from({ length: count }, (_, row) => `${row},${row === 7 ? odd : `${row}.5`},0`).join('\n')}\n`

test('one odd cell never takes a column of numbers away: it is refused at its place, or read as what it is', async (t) => {
  const { write, set } = await adopting(t)
  for (const odd of ['?', '-', 'N', '5%', '"1,234.5"', '\\N', 'True'])
    await assert.rejects(set('bad').adopt(write('a.csv', rows(odd)), { label: 'label', fill: 0 }), {
      code: 'bad-sample',
      message: /a\.csv:9:3: .* is not read as a number, and 19 of the 20 values of column "bmi" are numbers/,
    })
  for (const [index, odd] of ['', 'None', '#N/A', 'NULL', '<NA>'].entries()) {
    const one = set(`missing${index}`)
    const { report } = await one.adopt(write('a.csv', rows(odd)), { label: 'label', fill: -1 })
    assert.deepEqual(floats(await one.read('000000007')), [7, -1])
    assert.deepEqual(report.notes, ['column "bmi": 1 missing values are filled with -1'])
    await assert.rejects(set('bad').adopt(write('a.csv', rows(odd)), { label: 'label' }), {
      message: /a\.csv:9:3: column "bmi" has no value/,
    })
  }
  const infinite = await set('inf').adopt(write('a.csv', rows('-inf')), { label: 'label' })
  assert.deepEqual(floats(await set('inf').read('000000007')), [7, -Infinity])
  assert.match(infinite.report.doubts.join(), /"bmi" holds infinity, first at 9:3/)

  const path = write('a.csv', rows('?'))
  const { report } = await set('text').adopt(path, { label: 'label', columns: { bmi: 'string' } })
  assert.deepEqual([report.columns?.[1]?.role, report.columns?.[1]?.odd, report.doubts], ['left out', ['9:3 "?"'], []])
  await set('named').adopt(path, { label: 'label', missing: ['?'], fill: 3 })
  assert.deepEqual(floats(await set('named').read('000000007')), [7, 3])
})

test('columns of other spellings of numbers are refused, or read with the fitting options', async (t) => {
  const { write, set } = await adopting(t)
  const path = write('a.csv', 'a;b\n1,5;1.000\n2,5;2.000,5\n')
  await assert.rejects(set('bad').adopt(path, { delimiter: ';' }), { code: 'bad-sample', message: /a\.csv:2:1: "1,5" .*decimal/ })
  await set().adopt(path, { delimiter: ';', decimal: ',', thousands: '.' })
  assert.deepEqual([...floats(await set().read('000000000')), ...floats(await set().read('000000001'))], [1.5, 1000, 2.5, 2000.5])
})

test('true and false are features of 1 and 0, and classes as labels', async (t) => {
  const { write, set } = await adopting(t)
  const path = write('a.csv', 'a,flag,ok\n1.5,True,true\n2.5,False,false\n')
  await set().adopt(path, { label: 'ok' })
  assert.deepEqual([floats(await set().read('000000000')), floats(await set().read('000000001'))], [[1.5, 1], [2.5, 0]]) // prettier-ignore
  assert.deepEqual((await set().describe()).classes, ['false', 'true'])
  await set('declared').adopt(path, { label: 'ok', columns: { ok: 'bool' } })
  assert.deepEqual((await set('declared').list()).map(({ label }) => label), [1, 0]) // prettier-ignore
})

test('whole numbers keep their digits, or the report says where they lose some', async (t) => {
  const { write, set } = await adopting(t)
  await set().adopt(write('a.csv', 'a,b\n9007199254740993,1\n-9223372036854775808,2\n'))
  const bytes = Uint8Array.from(await set().read('000000000'))
  assert.deepEqual([...new BigInt64Array(bytes.buffer)], [9007199254740993n, 1n])

  const mixed = write('b.csv', 'a,b\n16777216,1.5\n16777217,2.5\n')
  const { report } = await set('mixed').adopt(mixed)
  assert.match(report.doubts.join(), /column "a" holds a whole number that float32 rounds, first at 3:1 "16777217"/)
  await assert.rejects(set('strict').adopt(mixed, { strict: true }), {
    code: 'invalid-argument',
    message: /strict allows no doubt.*float32 rounds/s,
  })
  await set('wide').adopt(mixed, { columns: { a: 'float64' }, strict: true })
  const wide = Uint8Array.from(await set('wide').read('000000001'))
  assert.deepEqual([...new Float64Array(wide.buffer)], [16777217, 2.5])
})

test('what float32 cannot hold is told or refused, never another number without a word', async (t) => {
  const { write, set } = await adopting(t)
  const path = write('a.csv', 'time,p\n1700000000.123,1e-300\n1700000001.456,0.5\n')
  const { report } = await set().adopt(path)
  assert.match(report.doubts.join(), /"time" holds a number that float32 rounds, first at 2:1 "1700000000.123": declare it as float64/)
  assert.match(report.doubts.join(), /"p" holds a number that float32 makes zero, first at 2:16 "1e-300": declare it as float64/)
  await set('wide').adopt(path, { columns: { time: 'float64', p: 'float64' }, strict: true })
  const wide = Uint8Array.from(await set('wide').read('000000000'))
  assert.deepEqual([...new Float64Array(wide.buffer)], [1700000000.123, 1e-300])
  const small = await set('small').adopt(write('b.csv', 'x\n16777215.5\n0.1\n1e-40\n0.0\n'))
  assert.deepEqual(small.report.doubts, [])
  const beyond = await set('beyond').adopt(write('d.csv', 'x\n9223372036854775807\n18446744073709551615\n'))
  assert.match(beyond.report.doubts.join(), /"x" holds a whole number that float32 rounds/)
  const wider = await set('wider').adopt(write('e.csv', 'x\n1\n18446744073709551615\n'), { columns: { x: 'float64' } })
  assert.deepEqual(wider.report.doubts, [])
  const alone = await set('alone').adopt(write('f.csv', 'x\n1\n18446744073709551615\n'))
  assert.match(alone.report.doubts.join(), /"x" holds a whole number that float32 rounds, first at 3:1/)
  const lacking = write('c.csv', 'x\n1.5\n""\n')
  await assert.rejects(set('bad').adopt(lacking, { fill: 1e300 }), {
    code: 'bad-sample',
    message: /c\.csv:3:1: fill 1e\+300 is no float32.*float64/,
  })
  await set('filled').adopt(lacking, { fill: 1e300, columns: { x: 'float64' } })
})

test('a missing value that is named as a number is missing in all its spellings', async (t) => {
  const { write, set } = await adopting(t)
  const path = write('a.csv', 'a,x\n1,1.5\n2,-999\n3,-999.0\n4,-9.99e2\n5, -999.00 \n')
  const { report } = await set().adopt(path, { missing: ['-999'], fill: 0 })
  const ids = (await set().list()).map(({ id }) => id)
  assert.deepEqual(
    (await Promise.all(ids.map((id) => set().read(id)))).map((bytes) => floats(bytes)[1]),
    [1.5, 0, 0, 0, 0],
  )
  assert.match(report.notes.join(), /"x": 4 missing values are filled with 0/)
})

test('an index that pandas named is told, and "\\t" is a tab', async (t) => {
  const { write, set } = await adopting(t)
  const { report } = await set().adopt(write('a.csv', 'Unnamed: 0\tx\n0\t5\n1\t5\n'), { delimiter: '\\t' })
  assert.match(report.doubts.join(), /^column "Unnamed: 0" holds the numbers of the rows, and is a feature/)
  assert.deepEqual((await set().describe()).layout?.columns, ['Unnamed: 0', 'x'])
  assert.deepEqual((await set('named').adopt(write('b.csv', 'Unnamed: 0,x\n7,5\n3,5\n'))).report.doubts, [])
})

test('a line of spaces alone is an empty line', async (t) => {
  const { write, set } = await adopting(t)
  await set().adopt(write('a.csv', 'a,b\n1,2\n   \n3,4\n \t'))
  assert.equal((await set().list()).length, 2)
})

test('labels are exact and never filled', async (t) => {
  const { write, set } = await adopting(t)
  const refused = async (text: string, message: RegExp, options = {}) =>
    assert.rejects(set('bad').adopt(write('a.csv', text), { label: 'y', ...options }), { code: 'bad-sample', message })
  await refused('x,y\n1,9007199254740993\n', /a\.csv:2:3: label "9007199254740993" is beyond 2\^53/)
  await refused('x,y\n1,1\n2,\n', /a\.csv:3:3: column "y" has no label here/, { fill: 0 })
  await refused('x,y\n1,a\n2,\n', /a\.csv:3:3: column "y" has no label here/)
  await refused('x,y\n1,inf\n', /no finite number/)
  await refused(`x,y\n${'1,0\n'.repeat(10)}1,?\n`, /a\.csv:12:3: "\?" is not read as a number/)
  await set().adopt(write('a.csv', 'x,y\n1,9007199254740992\n'), { label: 'y' })
  assert.deepEqual((await set().list()).map(({ label }) => label), [2 ** 53]) // prettier-ignore
  await set('classes').adopt(write('a.csv', 'x,y\n1,9007199254740993\n2,9007199254740992\n'), { label: 'y', columns: { y: 'string' } })
  assert.deepEqual((await set('classes').describe()).classes, ['9007199254740992', '9007199254740993'])
})

test('what is left out or doubtful in a table is told', async (t) => {
  const { write, set } = await adopting(t)
  const { report } = await set().adopt(write('a.csv', ',name,x,kind\n0,ann,1,NA\n1,bob,2,Cat\n2,cy,3,cat\n'), { label: 'kind' })
  assert.deepEqual((await set().describe()).layout?.columns, ['x'])
  assert.deepEqual(report.classes?.map(({ name, count }) => [name, count]), [['Cat', 1], ['NA', 1], ['cat', 1]]) // prettier-ignore
  const doubts = report.doubts.join('\n')
  assert.match(doubts, /column 1 has no name and holds the numbers of the rows: it is left out/)
  assert.match(
    doubts,
    /column "name" holds texts, as 2:3 "ann": it is left out of the features; where that means a missing value, name it in `missing`/,
  )
  await assert.rejects(set('typo').adopt(write('b.csv', 'x,kind\n1,a\n'), { label: 'kinds' }), {
    message: /did you mean `kind`\?; it has x, kind/,
  })
  assert.match(doubts, /1 labels are spelled as a missing value.*"NA"/)
  assert.match(doubts, /classes "Cat" and "cat" differ only in case/)
  const header = await set('header').adopt(write('b.csv', '5.1,3.5,1\n4.9,3.0,0\n'))
  assert.match(header.report.doubts.join(), /the header holds numbers/)
  await assert.rejects(set('bad').adopt(write('c.csv', ',x\nq,1\n')), { code: 'bad-sample', message: /column 1 has no name/ })
})

test('strict changes nothing where there is a doubt; samples of the same ids are one', async (t) => {
  const { write, set } = await adopting(t)
  const [first, second] = [write('a.csv', 'x\n1\n2\n'), write('b.csv', 'x\n3\n')]
  await set().adopt(first, { strict: true })
  await assert.rejects(set().adopt(second, { strict: true }), {
    code: 'invalid-argument',
    message: /1 samples replace others of the same ids, first "000000000"/,
  })
  assert.deepEqual([...new BigInt64Array(Uint8Array.from(await set().read('000000000')).buffer)], [1n])
  const again = await set().adopt(first, { strict: true })
  assert.deepEqual([again.added, again.report.doubts], [0, []])
  const { report } = await set().adopt(second)
  assert.equal(report.doubts.length, 1)
})

test('series whose names would be one are refused', async (t) => {
  const { write, set } = await adopting(t)
  await assert.rejects(set().adopt(write('a.csv', 'a,b,x\nu/v,w,1\nu,v/w,2\n'), { group: ['a', 'b'] }), {
    code: 'bad-sample',
    message: /a\.csv:3:1: two time series would have the id "u\/v\/w"/,
  })
})

test('a table with tabs is read as one with commas is; without quotes where that is said', async (t) => {
  const { write, set } = await adopting(t)
  const path = write('a.tsv', 'text\tkind\n"she said ""hi"""\tx\n')
  await set().adopt(path, { text: 'text', label: 'kind' })
  assert.equal(Buffer.from(await set().read('000000000')).toString(), 'she said "hi"')
  await set('raw').adopt(path, { text: 'text', label: 'kind', quotes: false })
  assert.equal(Buffer.from(await set('raw').read('000000000')).toString(), '"she said ""hi"""')
  await assert.rejects(set('bad').adopt(write('b.tsv', 'text\tkind\n5" pipe\tx\n'), { text: 'text' }), {
    message: /b\.tsv:2:2: a quote within.*quotes: false/,
  })
})
