// The Python exporter of the package, in the Python that PYTHON names (default python3): skipped where it has no torch and onnx.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../storage-node/support.ts'

const python = process.env['PYTHON'] ?? 'python3'
const find = 'import importlib.util, sys; sys.exit(0 if all(map(importlib.util.find_spec, ("torch", "onnx", "onnxscript"))) else 1)'
const there = spawnSync(python, ['-c', find]).status === 0
const skip = there ? false : `${python} has no torch, onnx and onnxscript: name one that has them in PYTHON`

test('the Python exporter keeps parameters, Dropout and BatchNorm with both exporters of PyTorch', { skip }, (t) => {
  const check = fileURLToPath(new URL('check_export.py', import.meta.url))
  const { status, stdout, stderr } = spawnSync(python, [check, temporaryFolder(t)], { encoding: 'utf8' })
  assert.equal(status, 0, `${stdout}\n${stderr}`)
})
