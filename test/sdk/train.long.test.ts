import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import { test, type TestContext } from 'node:test'
import { createShaper, startLink } from '../../benchmarks/support/link.ts'
import { opDraws } from '../../src/core/random.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { linear } from '../../src/graph/layers.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { dataset } from '../../src/index.ts'
import { network, plan, pointsOf } from '../objects/trainer/material.ts'
import { startNodeProcess } from '../storage-node/node-process.ts'
import { temporaryFolder } from '../storage-node/support.ts'
import { clientOf, request, through } from './training.ts'

// What the cost model decides from times that it measures: on a node in a process of its own.
const nodeAt = (t: TestContext, ...args: string[]) => startNodeProcess(t, ['--data', temporaryFolder(t), '--threads', '1', ...args])
const WIDTH = 4096
const wide = (): Uint8Array => {
  const b = new GraphBuilder({ name: 'wide' })
  b.output(linear({ b, seed: 3 }, 'one', b.input('x', 'float32', ['N', WIDTH]), 3), 'logits')
  return writeGraph({ graph: b.build() })
}
const widePlan = plan({ epochs: 2, pipeline: [{ op: 'tensor', dtype: 'float32', shape: [WIDTH] }] })
const wideSamples = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const draws = opDraws(1, 0, `wide ${i}`, 0)
    return { id: `w${i}`, bytes: new Uint8Array(Float32Array.from({ length: WIDTH }, () => draws.uniform()).buffer), label: i % 3 }
  })

test('the cost model keeps much data behind a slow link where it is', async (t) => {
  const node = await nodeAt(t)
  const filling = await clientOf(t, { node: node.address })
  for (let part = 0; part < 4; part++) await filling.object(dataset, 'points').put(wideSamples(1024).slice(part * 256, part * 256 + 256))
  const link = await startLink({ shaper: createShaper({ rttMs: 20, bitsPerSecond: 16e6 }), to: node.address })
  t.after(() => link.close())
  const client = await clientOf(t, { node: link.address })
  const job = await client.train(request({ model: wide(), fit: widePlan }))
  const { decision } = job
  assert.equal(job.site, 'node', decision?.because)
  assert.match(decision?.because ?? '', /^node .* ms, the best predicted/)
  const [here, there] = ['local', 'node'].map((site) => decision?.options.find(({ sites }) => sites[0] === site))
  // 16 MiB at 2 MB/s are 8 s.
  assert.ok((here?.parts?.move ?? 0) > 4000 && (here?.parts?.move ?? 0) < 40_000, JSON.stringify(decision?.options))
  assert.ok((there?.parts?.compute ?? 0) > 0)
  assert.equal((await through(job)).at(-1)?.status, 'done')
  const [entry] = client.decisions().slice(-1)
  assert.deepEqual([...(entry?.ranOn ?? [])], ['node'])
  assert.deepEqual(entry?.decision.options, decision?.options)
})

test('the cost model takes a small training away from a node that is busy', async (t) => {
  const node = await nodeAt(t)
  const filling = await clientOf(t, { node: node.address })
  await filling.object(dataset, 'points').put(pointsOf(300))
  // Other trainings on the node, whose threads also give way to this process.
  const load = new AbortController()
  t.after(() => load.abort())
  const busy = []
  for (let i = 0; i < 3; i++) {
    const job = await filling.train(request({ name: `busy-${i}`, model: network({ width: 2048 }), fit: plan({ epochs: 10_000 }), place: 'node', signal: load.signal })) // prettier-ignore
    const reports = job[Symbol.asyncIterator]()
    await reports.next()
    busy.push((async () => { for (;;) if ((await reports.next()).done === true) return })()) // prettier-ignore
  }
  const over = Promise.allSettled(busy)
  const pid = node.child.pid ?? assert.fail('no process')
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), 19)
  const client = await clientOf(t, { node: node.address })
  const job = await client.train(request({ model: network({ width: 256 }), fit: plan({ epochs: 100 }) }))
  assert.equal(job.site, 'local', job.decision?.because)
  const [here, there] = ['local', 'node'].map((site) => job.decision?.options.find(({ sites }) => sites[0] === site))
  assert.ok((there?.parts?.compute ?? 0) > (here?.parts?.compute ?? Infinity), job.decision?.because)
  load.abort()
  await over
})
