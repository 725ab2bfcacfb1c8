// Trains one of the examples as a user would: a node of its own, data and training by the command line. Then it measures the
// model on samples that it has not seen, and holds what it exports against what the node predicts.
//   AS_DATA=FOLDER node --import tsx examples/training/run.ts cifar|motes|packages|mails [--folder KEPT]
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, isActiveStorageError, trainer, withCall } from '../../src/index.ts'
import { startNode } from '../quickstart/processes.ts'
import { writeMails } from './mails.ts'
import { measured, sameOutside } from './measure.ts'
import { isRun, runs } from './runs.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const say = (text: string) => void process.stdout.write(`${text}\n`)

const { values, positionals } = parseArgs({ allowPositionals: true, options: { folder: { type: 'string' } } })
const [name = ''] = positionals
const data = process.env['AS_DATA'] ?? ''

/** Ends the command that runs; the node is then stopped, and its folder removed as at any end. */
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

/** One command as it is typed; what it prints comes out here, with the names of folders in place of where they are. */
const command = async (file: string, args: readonly string[], folders: Readonly<Record<string, string>>): Promise<void> => {
  const named = Object.entries(folders).toSorted(([, a], [, b]) => b.length - a.length)
  const known = args.map((arg) => named.reduce((text, [variable, folder]) => text.replace(`$${variable}`, folder), arg))
  const child = spawn(process.execPath, ['--import', 'tsx', here(file), ...known], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: stopping.signal,
  })
  createInterface({ input: child.stdout }).on('line', (line) => say(named.reduce((text, [variable, folder]) => text.replaceAll(folder, `$${variable}`), line))) // prettier-ignore
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  if (code !== 0) throw new Error(`${args.join(' ')} ended with code ${String(code)}`)
}

const main = async (): Promise<boolean> => {
  if (!isRun(name) || data === '')
    throw new Error(`usage: AS_DATA=FOLDER node --import tsx examples/training/run.ts ${Object.keys(runs).join('|')} [--folder KEPT]`)
  const began = performance.now()
  const { title, puts } = runs[name]
  const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'active-storage-training-')))
  const folders = { AS_DATA: data, FOLDER: folder, AS_MAILS: join(folder, 'mails') }
  say(`${title}: npm run train:${name}`)
  say(`${new Date().toISOString()}; ${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1) ?? '?'} before; Node ${process.version}`) // prettier-ignore
  if (name === 'mails') {
    await mkdir(folders.AS_MAILS, { recursive: true })
    say(`${await writeMails(process.env['AS_MAILS'] ?? '', join(folders.AS_MAILS, 'mails.csv'))} mails`)
  }
  const node = await startNode(['--data', join(folder, 'node'), '--adopt', data, '--adopt', folder, '--threads', '2'])
  const ask = async (...args: string[]) => {
    say(`$ active-storage ${args.join(' ')}`)
    await command('../../src/cli.ts', [...args, '--node', node.address], folders)
  }
  try {
    await using client = await connect({ node: node.address, policy: { yaml: 'version: 1\nstrategy: node\n' } })
    const { status } = await client
      .object(trainer, name)
      .status()
      .catch((error: unknown) => {
        if (isActiveStorageError(error, 'not-found')) return { status: 'new' }
        throw error
      })
    if (status === 'new') {
      for (const put of puts) await ask('put', 'dataset', ...put, '--timeout', '600')
      say(`$ node --import tsx examples/training/make-model.ts ${name} $FOLDER/model.onnx`)
      await command('./make-model.ts', [name, '$FOLDER/model.onnx'], folders)
      await ask(
        'train',
        name,
        '--model',
        '$FOLDER/model.onnx',
        '--plan',
        relative(process.cwd(), here(`./${name}.yaml`)),
        '--timeout',
        '600',
      )
    } else if (status !== 'done') await ask('train', name, '--resume')
    await ask('train', name, '--export', '$FOLDER/trained.onnx', '--status')
    const trained = withCall(client.object(trainer, name), { timeoutMs: 600_000 })
    const { reached, lines, batch } = await measured(client, name, here(`./${name}.yaml`), data)
    for (const line of lines) say(line)
    const same = await sameOutside(await readFile(join(folder, 'trained.onnx')), batch, (feeds) => trained.predict(feeds))
    say(`the exported model in a plain onnxruntime-node session, for ${same.rows} samples of the test: ${same.equal ? 'the same bits as predict' : 'OTHER outputs than predict'} (${same.outputs})`) // prettier-ignore
    say(`${((performance.now() - began) / 1000).toFixed(0)} s in all; load ${loadavg()[0]?.toFixed(1) ?? '?'} after`)
    return reached && same.equal
  } finally {
    await node.stop()
    if (values.folder === undefined) await rm(folder, { recursive: true, force: true })
  }
}

main().then(
  (good) => (process.exitCode = good ? 0 : 1),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  },
)
