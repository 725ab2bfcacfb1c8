import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { blazeFace, photoFolder } from '../support/material.ts'
import { temporaryFolder } from '../storage-node/support.ts'
import { type Block, blocksOf, commandsOf, pages, root } from './blocks.ts'

const isShell = ({ language }: Block) => language === 'sh'

/** A folder of a user's: the package is installed, with the command line, and there are photos and a model. */
const userFolder = (t: TestContext) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/active-storage'))
  const command = `#!/bin/sh\nexec ${process.execPath} --import ${import.meta.resolve('tsx')} ${root}src/cli.ts "$@"\n`
  writeFileSync(join(folder, 'bin/active-storage'), command)
  writeFileSync(join(folder, 'bin/npx'), '#!/bin/sh\nexec "$@"\n')
  for (const name of ['active-storage', 'npx']) chmodSync(join(folder, 'bin', name), 0o755)
  mkdirSync(join(folder, 'photos'))
  for (const name of readdirSync(photoFolder).filter((name) => /^sample\d\.jpg$/.test(name)))
    copyFileSync(join(photoFolder, name), join(folder, 'photos', name))
  writeFileSync(join(folder, 'blazeface.onnx'), blazeFace())
  // The package's exports name its built files; from source its own entry is this one.
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { paths: { 'active-storage': [`${root}src/index.ts`] } } }),
  )
  return folder
}

for (const page of pages()) {
  const printed = blocksOf(page).filter(({ run }) => run !== undefined)
  if (printed.length === 0) continue

  test(`the examples of ${page} run as printed`, { timeout: 300_000 }, async (t) => {
    const folder = userFolder(t)
    const environment: NodeJS.ProcessEnv = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` }
    // An example may be a test itself, which would report to this one.
    delete environment['NODE_TEST_CONTEXT']
    const nodes: ChildProcess[] = []
    t.after(() => nodes.forEach((node) => node.kill('SIGKILL')))

    /** A node of a page runs beside what comes after it. Its port is a free one; the rest of its page is told of it. */
    const startNode = async (line: string) => {
      const node = spawn('sh', ['-c', `exec ${line.replace(/^npx /, '')} --listen 127.0.0.1:0 --json`], { cwd: folder, env: environment })
      nodes.push(node)
      const errors = text(node.stderr)
      const ended = once(node, 'exit').then(async () => assert.fail(await errors))
      ended.catch(() => undefined)
      const [said] = (await Promise.race([once(createInterface({ input: node.stdout }), 'line'), ended])) as [string]
      environment['ACTIVE_STORAGE_NODE'] = (JSON.parse(said) as { address: string }).address
    }
    const run = async (place: string, command: string, args: readonly string[]) => {
      const child = spawn(command, args, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
      const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
      assert.equal(child.exitCode, 0, `${place}\n${out}\n${errors}`)
    }
    const write = ({ run: name = '', text: contents }: Block) => {
      const address = environment['ACTIVE_STORAGE_NODE'] ?? 'localhost:7070'
      writeFileSync(join(folder, name), contents.replaceAll('localhost:7070', address))
    }
    for (const block of printed) if (!isShell(block) && block.run !== '') write(block)
    for (const block of printed) {
      const place = `${page}:${block.line}`
      if (isShell(block)) {
        for (const line of commandsOf(block)) {
          if (/^(?:npx )?active-storage node /.test(line)) await startNode(line)
          else await run(`${place}: ${line}`, 'sh', ['-c', line])
        }
      } else if (/\.m?[jt]s$/.test(block.run ?? '')) {
        write(block)
        await run(place, process.execPath, ['--import', import.meta.resolve('tsx'), block.run ?? ''])
      }
    }
  })
}
