import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { findOnnxruntime, onnxruntimeVersion } from '../../../src/storage-node/compute/onnxruntime.ts'
import { temporaryFolder } from '../support.ts'

const library = (folder: string, ...targets: string[]): string => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{}')
  for (const target of targets) {
    mkdirSync(join(folder, 'bin/napi-v6', target), { recursive: true })
    writeFileSync(join(folder, 'bin/napi-v6', target, 'onnxruntime_binding.node'), '')
  }
  return folder
}
const refused = (code: string, text: RegExp) => (error: unknown) =>
  isActiveStorageError(error) && error.code === code && text.test(error.message)

test('the nearest copy with a binary for the platform is taken, so that other platforms use a copy of their own', (t) => {
  const root = temporaryFolder(t)
  const from = join(root, 'node_modules/active-storage/dist/storage-node/compute')
  const inside = library(join(root, 'node_modules/active-storage/dist/node_modules/onnxruntime-node'), 'linux/x64', 'linux/arm64')
  const beside = library(join(root, 'node_modules/onnxruntime-node'), 'linux/x64', 'darwin/arm64')
  assert.equal(findOnnxruntime({ from, platform: 'linux', arch: 'x64' }), inside)
  assert.equal(findOnnxruntime({ from, platform: 'linux', arch: 'arm64' }), inside)
  assert.equal(findOnnxruntime({ from, platform: 'darwin', arch: 'arm64' }), beside)
  assert.equal(findOnnxruntime({ from, own: beside, platform: 'linux', arch: 'x64' }), beside)
})

test('where no copy has a binary for the platform, the error says what to install', (t) => {
  const root = temporaryFolder(t)
  library(join(root, 'node_modules/onnxruntime-node'), 'linux/x64')
  assert.throws(
    () => findOnnxruntime({ from: root, platform: 'freebsd', arch: 'x64' }),
    refused('unsupported', /this is freebsd-x64; install a copy beside it \(npm install onnxruntime-node@/),
  )
})

test('a named copy without a binary for the platform is refused by its folder', (t) => {
  const own = library(join(temporaryFolder(t), 'mine'), 'darwin/arm64')
  assert.throws(
    () => findOnnxruntime({ from: own, own, platform: 'linux', arch: 'x64' }),
    refused('invalid-argument', /ACTIVE_STORAGE_ONNXRUNTIME=.*linux-x64 in .*mine/),
  )
})

test('the version is that of the copy in use', () => {
  assert.match(onnxruntimeVersion(), /^\d+\.\d+\.\d+$/)
})
