// Exports networks in every way that PyTorch, Keras and scikit-learn have, trains the files at a node, and compares with
// trainings of the same networks in PyTorch: what is trained, and the losses of 20 steps of SGD and of Adam.
//
//   npm run exports                        (PYTHON=/path/to/python3 where that one has PyTorch)
//   npm run exports -- mlp lstm            some of them
//   npm run exports -- --made FOLDER       the files that make.py and its like have left in FOLDER
//   npm run exports -- --ways legacy       some of the ways, separated by commas
//
// A run of all of them writes docs/exports-table.md. Ends with status 1 where a file is trained wrongly without a word.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, createStorageNode } from '../../../src/index.ts'
import { type Case, readCase } from './case.ts'
import { judged, type Row } from './judge.ts'
import { tableOf } from './table.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Runs a script of this folder. Where it lacks its libraries, says so, and goes on. */
const python = (command: string, script: string, args: readonly string[]): boolean => {
  const { status } = spawnSync(command, [here(script), ...args], { stdio: 'inherit' })
  if (status !== 0) console.error(`${script} did not run to its end with ${command}`)
  return status === 0
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { made: { type: 'string' }, ways: { type: 'string' } } })
const ways = values.ways?.split(',')
const all = positionals.length === 0 && ways === undefined
const folder = values.made ?? mkdtempSync(join(tmpdir(), 'active-storage-exports-'))
try {
  if (values.made === undefined) {
    const command = process.env['PYTHON'] ?? 'python3'
    if (!python(command, 'make.py', [folder, ...positionals])) process.exitCode = 1
    if (positionals.length === 0) {
      python(command, 'make_sklearn.py', [folder])
      python(process.env['PYTHON_KERAS'] ?? command, 'make_keras.py', [folder])
    }
  }
  const cases: readonly Case[] = readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'case.json')) && (positionals.length === 0 || positionals.includes(name)))
    .map((name) => readCase(join(folder, name)))
  const data = mkdtempSync(join(tmpdir(), 'active-storage-exports-node-'))
  const node = await createStorageNode({ data, listen: '127.0.0.1:0', threads: 1 })
  const client = await connect({ node: node.address, policy: { yaml: 'version: 1\nstrategy: node\n' } })
  const rows: Row[] = []
  try {
    for (const each of cases)
      for (const way of Object.keys(each.files)) {
        if (ways !== undefined && !ways.includes(way)) continue
        const row = await judged(client, each, way)
        rows.push(row)
        console.log(`${row.verdict.padEnd(12)} ${each.name} ${way}: ${row.why}`)
      }
  } finally {
    await client.close()
    await node.close()
    rmSync(data, { recursive: true })
  }
  const wrong = rows.filter(({ verdict }) => verdict === 'WRONG')
  console.log(`${rows.length} files: ${rows.length - wrong.length} right, refused or warned about; ${wrong.length} wrong without a word`)
  if (all) writeFileSync(here('../../../docs/exports-table.md'), tableOf(cases, rows))
  if (wrong.length > 0) process.exitCode = 1
} finally {
  if (values.made === undefined) rmSync(folder, { recursive: true })
}
