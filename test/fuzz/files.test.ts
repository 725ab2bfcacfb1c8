import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type FormatName, formatNames } from './files/format.ts'
import { type FileReport, fuzzFiles } from './files/fuzz-files.ts'

const SEED = 1
const COUNT = 500

/** onnxruntime may end the process that it runs in. */
const mayDie: readonly FormatName[] = ['models', 'inputs']
const deaths: readonly string[] = ['exit', 'hang', 'memory']

const shown = ({ findings }: FileReport) => findings.map(({ kind, says, index }) => `${kind} at input ${index}: ${says}`)

void suite('mutated files are read, or refused with an error that names them', () => {
  for (const format of formatNames)
    test(format, async (t) => {
      const report = await fuzzFiles(format, { seed: SEED, count: COUNT })
      t.diagnostic(`${report.values} values, ${report.errors} typed errors, ${report.processes} processes, ${report.mostMib} MiB`)
      assert.equal(report.inputs, COUNT)
      assert.ok(report.values > COUNT / 50 && report.errors > COUNT / 50, 'inputs are neither all right nor all wrong')
      const faults = mayDie.includes(format)
        ? report.findings.filter(({ kind, says }) => !deaths.includes(kind) && t.diagnostic(says) === undefined)
        : report.findings
      assert.deepEqual(shown({ ...report, findings: faults }), [])
    })
})

test('each fault of a reader is found, and laid to the input that has it', async () => {
  const { findings, inputs, values, errors } = await fuzzFiles('faulty', { seed: SEED, count: 17 })
  assert.deepEqual(
    findings.map(({ kind, index }) => [index, kind]),
    [
      [2, 'exit'],
      [4, 'hang'],
      [5, 'exit'],
      [7, 'memory'],
      [8, 'untyped'],
      [9, 'untyped'],
      [10, 'wrong value'],
      [11, 'text'],
      [12, 'exit'],
      [14, 'exit'],
    ],
  )
  assert.deepEqual([inputs, values, errors], [17, 6, 1])
})

test('the same seed gives the same inputs, in any order', async () => {
  const { formats } = await import('./files/formats.ts')
  for (const format of ['csv', 'tar', 'npy', 'images', 'onnx'] as const) {
    const session = await formats[format].open()
    const first = [3, 40, 7].map((index) => session.make(9, index))
    assert.deepEqual(
      [7, 3, 40].map((index) => session.make(9, index)),
      [first[2], first[0], first[1]],
      format,
    )
    await session.close()
  }
})
