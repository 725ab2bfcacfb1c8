import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { permutation } from '../../src/core/random.ts'
import { planEpoch } from '../../src/objects/loader/plan.ts'
import { builtIn } from '../../src/storage-node/built-in.ts'
import { content } from '../../src/objects/content.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { directory } from '../../src/objects/directory.ts'
import { pipeline } from '../../src/objects/pipeline/pipeline.ts'
import { site } from '../../src/objects/site.ts'
import type { Sample } from '../../src/objects/dataset/sample.ts'
import { lifecycleMethods, type LifecycleOptions } from '../../src/storage-node/objects/lifecycle.ts'
import { connect } from '../../src/sdk/connect.ts'
import { hashOf } from '../../src/storage-node/content/hash.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../storage-node/support.ts'
import { loopTurns, machineUnit } from './loop-turns.ts'
import { manyAliases, manyFiles } from './many-rows.ts'

/** CPU ms that one piece of work may hold the event loop for. */
const MOST_MS = 50
/** What `machineUnit` takes on a machine of 2026: a slower one gets as much more time. */
const UNIT_MS = 1.5

/** Built-in methods whose work does not grow with the rows of a data set, and why. */
const bounded: Readonly<Record<string, string>> = {
  'dataset.describe': 'reads the state, which holds no rows',
  'dataset.count': 'reads the state, which holds no rows',
  'dataset.sample': 'reads one row',
  'pipeline.put': 'keeps one spec',
  'pipeline.describe': 'reads one spec',
  'pipeline.runNamed': 'runs as pipeline.run does',
  'pipeline.runRaw': 'works on the pixels of one batch',
  'model.*': 'one model or one batch: its work is in compute workers',
  'batch.*': 'one batch: as pipeline.run and model.forward',
  'trainer.*': 'one model or one batch at a time; orders of epochs and lists of samples are looked at below',
  'parallel-trainer.*': 'as trainer',
  'training-member.*': 'as trainer',
  'content.fetch': 'one content after the other, as a stream',
  'site.describe': 'says what the host is',
  'site.declaration': 'describes one type',
  'site.stats': 'reads counters',
  'site.flush': 'waits for the disk',
  'site.dropCaches': 'clears maps, which are bounded by bytes',
  'site.echo': 'returns its argument',
  'directory.set': 'changes one alias',
  'directory.remove': 'changes one alias',
  'directory.rename': 'changes two aliases',
  'directory.get': 'reads one alias',
  $create: 'writes one record',
  $ensure: 'writes one record',
  $history: 'reads 100 entries at the most',
}

/** Every method that a host has without types of its own. */
export const builtInMethods = (): readonly string[] => [
  ...builtIn.flatMap((type) => [...type.entries.keys()].map((method) => `${type.name}.${method}`)),
  // Its options are for the methods' bodies, which are not run here.
  ...lifecycleMethods({} as LifecycleOptions).keys(),
]
/** Those of them that a name stands for. */
const coveredBy = (name: string) => (method: string) => (name.endsWith('*') ? method.startsWith(name.slice(0, -1)) : method === name)

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))))
    })
  })

/**
 * Runs every built-in method whose work grows with rows, and looks at each turn of the event loop. The work of the client,
 * which is in this process too, counts as well.
 */
export const checkStalls = async (t: TestContext, rows: number): Promise<void> => {
  const unit = machineUnit()
  const most = MOST_MS * Math.max(1, unit / UNIT_MS)
  t.diagnostic(`${rows} rows, ${most.toFixed(0)} ms at the most (unit ${unit.toFixed(1)} ms)`)
  const base = temporaryFolder(t)
  const [files, data, other, backups] = ['files', 'node', 'other', 'backups'].map((name) => join(base, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const folder of [files, backups]) mkdirSync(folder)
  const made = manyFiles(files, rows)
  const listen = `127.0.0.1:${await freePort()}`
  const options = { data, name: 'node', listen, adopt: [files], backups: [backups] }
  const second = await startNode(t, { data: other, name: 'other', peers: { node: listen } })
  const peers = { other: second.address }

  const seen = new Set<string>()
  const slow: string[] = []
  /** Runs work that calls these methods. What else it may throw is that its answer is too large. */
  const look = async <T>(methods: readonly string[], name: string, work: () => Promise<T>): Promise<T | undefined> => {
    for (const method of methods) seen.add(method)
    const {
      longestMs,
      wholeMs,
      cpuMs,
      made: answer,
    } = await loopTurns(() =>
      work().catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'too-large') return undefined
        throw new Error(`${name}: ${String(error)}`, { cause: error })
      }),
    )
    const line = `${name}: ${longestMs.toFixed(0)} ms (${wholeMs.toFixed(0)} with garbage; ${cpuMs.toFixed(0)} in all)`
    t.diagnostic(line)
    if (longestMs > most) slow.push(line)
    return answer
  }

  const first = await startNode(t, { ...options, peers })
  const link = linkTo(t, first.address)
  await remote(link, directory).sweep()
  await first.close()
  await manyAliases(data, rows)
  const node = await startNode(t, { ...options, peers })
  const client = await connect({ node: node.address, timeoutMs: 600_000 })
  t.after(() => client.close())
  // Made here, since filling so much takes a while too.
  const large = Buffer.alloc(64 * 1024 * 1024, 1)
  const set = (name: string) => client.object(dataset, name)
  // Movable methods may run anywhere: these run on the node.
  const there = linkTo(t, node.address)

  await look(['directory.list'], 'directory.list behind expired aliases', () => client.object(directory, 'main').list())
  await look(['directory.sweep'], 'directory.sweep', () => client.object(directory, 'main').sweep())

  for (const [at, path] of made.tables.entries())
    await look(['dataset.adopt'], `adopt table ${at}`, () => set('table').adopt(path, { id: 'id', label: 'c', features: ['a', 'b'] }))
  await look(['dataset.adopt'], 'adopt texts', () => set('texts').adopt(made.tables[0]!, { id: 'id', text: 'text', label: 'a' }))
  await look(['dataset.adopt'], 'adopt series', () =>
    set('series').adopt(made.tables[0]!, { group: 'c', features: ['a', 'b'], label: 'b' }),
  )
  await look(['dataset.adopt'], 'adopt arrays', () => set('array').adopt(made.array, { label: made.labels }))
  await look(['dataset.adopt'], 'adopt tar', () => set('tar').adopt(made.tar, { labels: 'class', include: 'c*ss*.png' }))
  await look(['dataset.adopt'], 'adopt folder', () => set('folder').adopt(made.images, { labels: 'folder' }))
  await look(['dataset.adopt'], 'adopt graph', () => set('graph').adopt(made.graph, { format: 'graph', label: 'class', features: ['x'] }))
  await look(['dataset.put'], 'put many small samples', () =>
    set('put').put(Array.from({ length: 200 }, (_, index) => ({ id: String(index), bytes: Buffer.alloc(8) }))),
  )
  await look(['dataset.put', 'dataset.read'], 'put and read one large sample', async () => {
    await set('large').put([{ id: 'a', bytes: large }])
    return (await set('large').read('a')).byteLength
  })
  await look(['dataset.buildVocabulary'], 'buildVocabulary', () => set('texts').buildVocabulary())
  await look(['dataset.list'], 'list of an empty part', () => set('table').list({ split: { part: 'test', test: 0 } }))
  await look(['dataset.labels'], 'labels', () => set('table').labels())
  await look(['dataset.labels'], 'labels of a split', () => set('table').labels({ split: { part: 'train', test: 0.5 } }))
  await look(['dataset.labels'], 'labels that are all different', () => set('array').labels())
  await look(['dataset.labels'], 'labels of windows', () => set('series').labels({ window: { length: 5 } }))
  const samples: Sample[] = []
  await look(['dataset.list'], 'pages of samples', async () => {
    for (let after: string | undefined; samples.length < 50_000;) {
      const page = await set('array').list({ ...(after !== undefined && { after }) })
      samples.push(...page)
      after = page.at(-1)?.id
      if (page.length < 1000) return
    }
  })
  await look(['dataset.sampleNeighbours'], 'sampleNeighbours', () =>
    set('graph').sampleNeighbours({
      seeds: Array.from({ length: Math.min(rows, 5000) }, (_, node) => String(node)),
      fanouts: [10, 5],
      seed: 1,
    }),
  )
  const values = { ops: [{ op: 'tensor', dtype: 'float32', shape: [2] }] } as const
  await look(['pipeline.run'], 'a batch of many samples', () =>
    remote(there, pipeline).run(values, samples.slice(0, 20_000), { seed: 1, epoch: 0 }),
  )
  await look(['pipeline.fit'], 'fit of many samples', () => remote(there, pipeline).fit(values, samples.slice(0, 20_000)))
  await look([], 'the order of an epoch', () => planEpoch(new Array<number>(rows).fill(0), { batchSize: 32, shuffle: true, seed: 1 }, 3))
  await look([], 'a permutation', () => permutation(1, 2, rows))

  const hashes = Array.from({ length: 20_000 }, (_, index) => hashOf(Buffer.from(String(index))))
  await look(['content.has'], 'content.has of many', () => remote(there, content).has(hashes))
  await look(['content.supply'], 'content.supply', () => remote(there, content).supply([large]))
  await look(['$newVersion'], '$newVersion', async () => {
    const version = await client.objects.newVersion(dataset, 'table')
    return look(['$consolidate'], '$consolidate', () => client.objects.consolidate(dataset, 'table', version))
  })
  await look(['$describe'], '$describe', () => client.objects.describe(dataset, 'table'))
  await look(['$move', '$receive', '$activate'], '$move', () => client.objects.move(dataset, 'texts', 'other'))
  await look(['$discard'], 'a move that fails', () => client.objects.move(dataset, 'put', 'nowhere').catch(() => undefined))
  await look(['site.list'], 'site.list', async () => {
    for (let first = 0; first < 1500; first += 50)
      await Promise.all(Array.from({ length: 50 }, (_, index) => client.objects.ensure(dataset, `empty-${first + index}`)))
    return remote(there, site).list()
  })
  await look(['site.backup'], 'site.backup', async () => {
    for await (const _ of remote(there, site).backup(join(backups, 'one')));
  })
  await look(['site.collect'], 'site.collect, a dry run', () => remote(there, site).collect({ dryRun: true }))
  await look(['$delete'], '$delete, and the clearing of its rows', async () => {
    for (const name of ['table', 'array', 'tar', 'graph']) await client.objects.delete(dataset, name)
    // Cleared away in the background, commit after commit.
    for (let idle = 0; idle < 100; idle = node.host.stats().pendingBytes === 0 ? idle + 1 : 0) await turn()
  })
  rmSync(join(backups, 'one'), { recursive: true })

  const numbers = Array.from({ length: rows }, (_, index) => index % 100)
  const beyond = linkTo(t, second.address)
  // An argument of many small values: encoded, sent, checked and decoded at both ends.
  await look([], 'a body of many small values', () => Reflect.apply(remote(beyond, site).echo, undefined, [numbers]) as Promise<unknown>)
  await look([], 'a body of many small objects', () =>
    Reflect.apply(remote(beyond, content).has, undefined, [numbers.map((number) => ({ number }))]).catch(() => undefined),
  )

  assert.deepEqual(slow, [], 'what held the event loop')
  const names = [...seen, ...Object.keys(bounded)]
  const strangers = builtInMethods().filter((method) => !names.some((name) => coveredBy(name)(method)))
  assert.deepEqual(strangers, [], 'built-in methods that are neither looked at here nor known to be bounded')
  const gone = names.filter((name) => !builtInMethods().some(coveredBy(name)))
  assert.deepEqual(gone, [], 'names of methods that are no longer there')
}
