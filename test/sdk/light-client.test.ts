import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { photoFolder } from '../support/material.ts'
import { startNodeProcess, temporaryFolder } from '../support/node-process.ts'

const index = new URL('../../src/index.ts', import.meta.url).href
const material = new URL('../support/material.ts', import.meta.url).href

/** Runs a module in a process of its own, and gives the libraries that it and its compute processes have mapped at the end. */
const librariesOf = async (code: string, home: string): Promise<string> => {
  const source = `import { readFileSync } from 'node:fs'\nimport * as as from '${index}'\nimport * as material from '${material}'\n${code}\nconst children = readFileSync(\`/proc/self/task/\${process.pid}/children\`, 'utf8').split(' ').filter((pid) => pid !== '')\nconsole.log(['self', ...children].map((pid) => readFileSync(\`/proc/\${pid}/maps\`, 'utf8')).join(''))\nprocess.exit(0)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
    env: { ...process.env, HOME: home, XDG_CACHE_HOME: '' },
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  assert.equal(child.exitCode, 0, stderr)
  return stdout
}

test('a client that runs nothing itself loads neither sharp nor onnxruntime; one that does leaves nothing in the home folder', async () => {
  await using folder = await temporaryFolder()
  await using node = await startNodeProcess(`${folder.path}/edge`, ['--name', 'edge', '--adopt', photoFolder])
  const connect = (
    strategy: string,
  ) => `const client = await as.connect({ node: '${node.address}', policy: { yaml: 'version: 1\\nstrategy: ${strategy}' } })
await client.object(as.dataset, 'photos').adopt(material.photoFolder, { include: 'sample1.jpg' })
await client.object(as.model, 'faces').put(material.blazeFace())
for await (const batch of client.wrap(as.dataLoader({ dataset: 'photos', pipeline: material.facePipeline, model: 'faces', batchSize: 1 }))) if (batch.ids.length !== 1) throw new Error('no batch')`
  const calling = await librariesOf(connect('node'), folder.path)
  assert.doesNotMatch(calling, /libvips|sharp-linux|onnxruntime/)
  const running = await librariesOf(connect('local'), folder.path)
  assert.match(running, /libvips/)
  assert.match(running, /onnxruntime/)
  assert.deepEqual(
    (await readdir(folder.path)).filter((name) => name !== 'edge'),
    [],
    'no telemetry, no cache',
  )
})

test('a client that calls nodes and gives no policy file loads no schema compiler', async () => {
  await using folder = await temporaryFolder()
  await using node = await startNodeProcess(`${folder.path}/edge`, ['--name', 'edge'])
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--input-type=module', '--eval'],
      `import * as as from '${index}'
import { createRequire } from 'node:module'
const own = as.defineObject({
  name: 'own',
  state: () => ({ count: 0 }),
  schema: as.schema.object({ count: as.schema.integer() }),
  methods: { add: (self, by) => (self.state.count += by) },
  arguments: { add: [as.schema.integer()] },
})
const client = await as.connect({ node: '${node.address}', objects: [own] })
const put = await client.object(as.dataset, 'photos').put([{ id: 'a', bytes: new Uint8Array(3) }])
const refused = await client.object(as.dataset, 'photos').put('x').catch((error) => error.code)
const loaded = Object.keys(createRequire('${index}').cache).filter((path) => path.includes('/ajv/'))
console.log(JSON.stringify({ count: put.count, refused, loaded }))
process.exit(0)`,
    ],
    { env: { ...process.env, HOME: folder.path, XDG_CACHE_HOME: '' } },
  )
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  assert.equal(child.exitCode, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), { count: 1, refused: 'invalid-argument', loaded: [] })
})
