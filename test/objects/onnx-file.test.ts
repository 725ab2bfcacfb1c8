import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { externalFilesOf, inspectOnnx } from '../../src/objects/model/onnx-file.ts'
import { temporaryFolder } from '../storage-node/support.ts'
import { faceModel } from './data.ts'
import { modelWithExternal, nestedModel, places } from './model-files.ts'

test('a real model tells its opsets and keeps nothing outside', () => {
  const summary = inspectOnnx(faceModel())
  assert.deepEqual(summary.external, [])
  assert.ok(summary.irVersion >= 3)
  assert.equal(summary.opsets[0]?.domain, 'ai.onnx')
})

test('external tensors are found wherever they hide', () => {
  for (const inside of places) {
    assert.deepEqual(inspectOnnx(modelWithExternal('weights.bin', inside)).external, [{ location: 'weights.bin' }], inside)
  }
})

test('a location outside the folder is refused, wherever it hides', () => {
  for (const location of [
    '/etc/passwd',
    '../secret',
    'a/../../secret',
    'a\\..\\..\\secret',
    '\\\\host\\share',
    'C:\\secret',
    'c:secret',
    '',
    'a\0b',
  ]) {
    for (const inside of places) {
      assert.throws(
        () => inspectOnnx(modelWithExternal(location, inside)),
        { code: 'bad-model', message: /outside its own folder/ },
        `${location} in ${inside}`,
      )
    }
  }
})

test('graphs nested too deep are refused', () => {
  assert.ok(inspectOnnx(nestedModel(32)))
  for (const depth of [33, 2000]) assert.throws(() => inspectOnnx(nestedModel(depth)), { code: 'bad-model' })
})

test('what is no ONNX file, or a part of one, is bad-model with a remedy', () => {
  const whole = faceModel()
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('a text file'),
    whole.subarray(0, 100),
    whole.subarray(0, whole.length / 2),
    whole.subarray(0, -5),
  ]) {
    assert.throws(() => inspectOnnx(bytes), { code: 'bad-model', message: /again/ }, `${bytes.length} bytes`)
  }
})

test('mutated models give a summary or bad-model, never another error', () => {
  const start = modelWithExternal('weights.bin', 'subgraph')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(start.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(start)
      for (const [at, byte] of changes) bytes[at] = byte
      try {
        inspectOnnx(bytes)
      } catch (error) {
        assert.ok(isActiveStorageError(error, 'bad-model'), error instanceof Error ? error.stack : String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('the files of a model are read from its folder, and not through a link that leads out', async (t) => {
  const base = temporaryFolder(t)
  const folder = join(base, 'model')
  mkdirSync(folder)
  writeFileSync(join(folder, 'model.onnx'), modelWithExternal('weights.bin'))
  await assert.rejects(externalFilesOf(join(folder, 'model.onnx')), { code: 'not-found', message: /weights\.bin/ })
  writeFileSync(join(folder, 'weights.bin'), 'numbers')
  const { external } = await externalFilesOf(join(folder, 'model.onnx'))
  assert.equal(Buffer.from(external['weights.bin']!).toString(), 'numbers')

  writeFileSync(join(base, 'secret'), 'a secret')
  symlinkSync(join(base, 'secret'), join(folder, 'link.bin'))
  writeFileSync(join(folder, 'linked.onnx'), modelWithExternal('link.bin'))
  await assert.rejects(externalFilesOf(join(folder, 'linked.onnx')), { code: 'bad-model', message: /leads out/ })
})
