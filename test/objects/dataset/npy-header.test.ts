import assert from 'node:assert/strict'
import { test } from 'node:test'
import { npyDictionary } from '../../../src/objects/dataset/npy-header.ts'

const plain = { descr: '<f4', fortran: false, shape: [3, 4] }

test('a header is read as numpy writes it, with its keys in any order', () => {
  assert.deepEqual(npyDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }          \n"), plain)
  assert.deepEqual(npyDictionary(`{"shape":(3,4),"fortran_order":False,"descr":"<f4"}`), plain)
  assert.deepEqual(npyDictionary("{'descr': '<f4', 'fortran_order': True, 'shape': (5,), }")?.shape, [5])
  assert.deepEqual(npyDictionary("{'descr': '<f4', 'fortran_order': True, 'shape': (), }")?.shape, [])
})

for (const [what, text] of [
  ['a key twice, of which readers take one or the other', "{'shape': (2,), 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}"],
  ['a value that stands within a text', `{'a': "'shape': (3, 4)", 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}`],
  ['another key', "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'extra': True}"],
  ['a key too few', "{'descr': '<f4', 'shape': (3, 4)}"],
  ['something behind the dictionary', "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)} {}"],
  ['no dictionary', "'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)"],
  ['commas without a number', "{'descr': '<f4', 'fortran_order': False, 'shape': (3,, 4)}"],
  ['numbers without a comma', "{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}"],
  ['a number in brackets', "{'descr': '<f4', 'fortran_order': False, 'shape': (12)}"],
  ['a leading zero', "{'descr': '<f4', 'fortran_order': False, 'shape': (03, 4)}"],
  ['a side beyond 2^53', "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9007199254740993)}"],
  ['a word for the order', "{'descr': '<f4', 'fortran_order': 'False', 'shape': (3, 4)}"],
  ['an escape', "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (3, 4)}"],
  ['fields', "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4)}"],
] as const)
  test(`a header with ${what} is none`, () => assert.equal(npyDictionary(text), undefined))
