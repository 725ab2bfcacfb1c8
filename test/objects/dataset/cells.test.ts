import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCellReader, defaultMissing } from '../../../src/objects/dataset/cells.ts'

const plain = createCellReader({})
const kinds = (reader: ReturnType<typeof createCellReader>, cells: readonly string[]) => cells.map((cell) => reader.kindOf(cell))

test('a cell is a number, a missing value, a truth value, a number in another spelling, or a text', () => {
  const expected = {
    missing: ['', ' ', 'NA', ' NA ', 'NaN', 'None', '#N/A', '<NA>', 'null', '-1.#IND'],
    whole: ['0', '+1', '-2', ' 3 ', '007', '9223372036854775807', '-9223372036854775808'],
    real: ['1.', '.5', '-1.5', '1e3', '1E-3', '+.5e+2', '9223372036854775808', '1'.repeat(500)],
    infinite: ['inf', '-inf', '+Inf', 'Infinity', '-INFINITY'],
    bool: ['True', 'false', 'TRUE'],
    like: ['5%', '1,234.5', '1,5', '$3', '(1,234)', '1 234', '1_000'],
    text: ['?', '-', 'N', 'na', 'NULL!', '1e', '.', '+', 'e5', '0x10', '1.2.3', '2020-01-01', '10.0.0.1', '１'],
  }
  for (const [kind, cells] of Object.entries(expected))
    assert.deepEqual(
      kinds(plain, cells),
      cells.map(() => kind),
    )
})

test('spaces beyond ASCII, and a mark of UTF-8, are part of a cell, whatever it would be without them', () => {
  for (const cell of ['true\ufeff', '\u00a0false', 'inf\u00a0', ' \u00a0 ', 'NA\u2003'])
    assert.equal(plain.kindOf(cell), 'text', JSON.stringify(cell))
})

test('the default spellings of a missing value are those of pandas, and can be added to or left out', () => {
  assert.equal(defaultMissing.length, 19)
  assert.ok(defaultMissing.every((cell) => plain.kindOf(cell) === 'missing'))
  assert.deepEqual(kinds(createCellReader({ missing: ['?', '-999'] }), ['?', '-999', '-999.5', 'NA']), [
    'missing',
    'missing',
    'real',
    'missing',
  ])
  assert.deepEqual(kinds(createCellReader({ missing: ['?'], defaultMissing: false }), ['?', 'NA', '']), ['missing', 'text', 'text'])
})

test('decimal commas and separators of thousands are read where they are named', () => {
  const german = createCellReader({ decimal: ',', thousands: '.' })
  assert.deepEqual(
    ['1,5', '1.234,5', '1.234'].map((cell) => german.numberOf(cell)),
    [1.5, 1234.5, 1234],
  )
  assert.equal(createCellReader({ decimal: ',' }).kindOf('1.5'), 'like')
  assert.equal(createCellReader({ thousands: ',' }).numberOf('1,234.5'), 1234.5)
  assert.throws(() => createCellReader({ thousands: '.' }), { code: 'invalid-argument', message: /thousands/ })
  assert.throws(() => createCellReader({ thousands: '5' }), { code: 'invalid-argument' })
})

test('numbers as spellings of a missing value are compared as numbers, whole ones to the last digit', () => {
  const cells = createCellReader({ missing: ['-999', '9007199254740993', '0.5'] })
  for (const cell of ['-999', '-999.0', ' -9.99e2', '+9007199254740993', '.5', '0.50']) assert.ok(cells.isMissing(cell), cell)
  for (const cell of ['999', '-999.5', '9007199254740992', '9007199254740994', 'x', '5']) assert.ok(!cells.isMissing(cell), cell)
  assert.ok(createCellReader({ missing: ['-1,5'], decimal: ',' }).isMissing('-1,50'))
})

test('every number that JavaScript writes is read back, whole numbers of 64 bits to the last digit', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      assert.ok(plain.numberOf(String(value)) === value)
      assert.notEqual(plain.kindOf(String(value)), 'text')
    }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      assert.equal(plain.kindOf(String(value)), 'whole')
      assert.equal(plain.wholeOf(String(value)), value)
    }),
  )
})

test('a cell is scanned once, however long it is', () => {
  for (const cell of [' '.repeat(2_000_000) + 'x', '1'.repeat(2_000_000) + 'x', ' '.repeat(1_000_000) + '1' + ' '.repeat(1_000_000) + 'x'])
    assert.equal(plain.kindOf(cell), 'text')
  assert.equal(plain.kindOf(' '.repeat(2_000_000)), 'missing')
})
