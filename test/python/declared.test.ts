// A file that python/active_storage_export.py has made: fixtures/declared.onnx, an embedding tied to the output layer with a
// padding row, a frozen Linear, BatchNorm, PReLU, Dropout and a buffer.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readGraph } from '../../src/graph/read.ts'
import { fold } from '../../src/graph/fold.ts'
import { upgrade } from '../../src/graph/upgrade.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { decide } from '../../src/training/roles/decide.ts'
import { DECLARED } from '../../src/training/roles/declared.ts'
import type { RoleKind } from '../../src/training/roles/kinds.ts'

const textOf = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)))
const model = readGraph(Uint8Array.from(textOf('fixtures/declared.onnx')))
const decision = decide(model, fold(upgrade(model.graph)), {})
const named = (kind: RoleKind) => decision.roles.filter((role) => role.kind === kind).map(({ name }) => name)

test('the Python exporter and the reader of its files name the same key', () => {
  assert.match(
    textOf('../../python/active_storage_export.py').toString(),
    new RegExp(`^KEY = "${DECLARED.replace('.', String.raw`\.`)}"$`, 'm'),
  )
})

test('a file of the Python exporter is trained as it says', () => {
  assert.deepEqual(decision.trainable, ['embedding.weight', 'norm.weight', 'norm.bias', 'slope.weight'])
  assert.deepEqual(named('frozen'), ['front.weight', 'front.bias'])
  assert.deepEqual(named('buffer').toSorted(), ['norm.running_mean', 'norm.running_var', 'scale'])
  assert.deepEqual([...decision.padding], [['embedding.weight', 0]])
  assert.deepEqual(decision.warnings, [])
})

test('what the Python exporter says stays in a file that is written again', () => {
  const again = readGraph(writeGraph(model))
  assert.equal(again.metadata.get(DECLARED), model.metadata.get(DECLARED))
})
