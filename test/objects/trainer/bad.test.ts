import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import type { Remote } from '../../../src/core/remote.ts'
import type { Graph, Node } from '../../../src/graph/graph.ts'
import { readGraph } from '../../../src/graph/read.ts'
import { MessageWriter } from '../../../src/graph/wire.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { dataset, type NewSample } from '../../../src/objects/dataset/dataset.ts'
import type { TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { remote } from '../../storage-node/support.ts'
import { network, plan, pointsOf, putPoints, spec } from './material.ts'

const heldBy = async (main: Remote<typeof trainer>) => ({
  status: await main.status(),
  curve: await main.curve(),
  file: await main.export(),
})
/** A trainer that has trained, and what it holds. */
const trained = async (t: TestContext) => {
  const host = createLocalHost({ name: 'node', threads: 1 })
  t.after(() => host.close())
  await putPoints(host)
  const main = remote(host, trainer)
  await main.put(network(), spec)
  for await (const _ of main.run(await main.fit(plan({ epochs: 2 })))) continue
  return { host, main, held: await heldBy(main) }
}

const node = (name: string, op: string, inputs: readonly string[], outputs: readonly string[], attributes: Node['attributes'] = {}): Node => ({ name, op, inputs, outputs, attributes }) // prettier-ignore
const good: Graph = readGraph(network()).graph
/** The network with a node before its logits. */
const with_ = (...nodes: readonly Node[]): Graph => ({ ...good, nodes: [...good.nodes, ...nodes], outputs: new Map([['late', good.outputs.get('logits')!]]) }) // prettier-ignore

// Written as they are: what a writer of ours would refuse, other exporters have written.
const models: Readonly<
  Record<string, { readonly graph: Graph; readonly how?: TrainerSpec; readonly code: string; readonly names: RegExp }>
> = {
  'an unknown operator': { graph: with_(node('odd', 'Frobnicate', ['logits'], ['late'])), code: 'unsupported', names: /odd.*Frobnicate/ },
  'an operator without a gradient': { graph: with_(node('odd', 'Shrink', ['logits'], ['late'])), code: 'unsupported', names: /odd \(Shrink\).*(freeze|replace)/ }, // prettier-ignore
  'a graph that goes round': { graph: with_(node('up', 'Add', ['logits', 'down'], ['late']), node('back', 'Relu', ['late'], ['down'])), code: 'bad-model', names: /up \(Add\).*back \(Relu\)|back \(Relu\).*up \(Add\)/ }, // prettier-ignore
  'a statistic that is a weight too': { graph: { ...good, nodes: good.nodes.map((each) => (each.op === 'BatchNormalization' ? { ...each, inputs: each.inputs.with(4, each.inputs[1] ?? '') } : each)) }, code: 'unsupported', names: /BatchNormalization.*"bn\.weight".*not merged/ }, // prettier-ignore
  'an initializer that is missing': { graph: { ...good, initializers: new Map([...good.initializers].filter(([name]) => name !== 'two.weight')) }, code: 'bad-model', names: /"two\.weight".*initializer/ }, // prettier-ignore
}

/** An input without a shape, which no writer of ours writes. */
const rankless = (): Uint8Array => {
  const type = new MessageWriter().message(1, new MessageWriter().int(1, 1))
  const graph = new MessageWriter().message(1, new MessageWriter().text(1, 'x').text(2, 'y').text(3, 'odd').text(4, 'Relu')).message(11, new MessageWriter().text(1, 'x').message(2, type)) // prettier-ignore
  return new MessageWriter().int(1, 8).message(8, new MessageWriter().int(2, 20)).message(7, graph).finish()
}
test('an input of a rank that is not stated is refused by name, and what was trained stays', async (t) => {
  const { main, held } = await trained(t)
  await assert.rejects(main.put(rankless(), spec), { code: 'unsupported', message: /"x".*number of dimensions|number of dimensions.*"x"/ })
  assert.deepEqual(await heldBy(main), held)
})

for (const [what, { graph, how = spec, code, names }] of Object.entries(models))
  test(`${what} is refused by name, and what was trained stays`, async (t) => {
    const { main, held } = await trained(t)
    await assert.rejects(main.put(writeGraph({ graph }), how), (error) => {
      assert.ok(isActiveStorageError(error), String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, names)
      return true
    })
    assert.deepEqual(await heldBy(main), held)
  })

const samples = pointsOf(160)
/** In the sixth batch of ten. */
const at = 6 * 16 - 3
const nothing = new Uint8Array(new Float32Array(12).fill(Number.NaN).buffer)
const faults: Readonly<Record<string, { readonly sample: NewSample; readonly code: string; readonly names: RegExp }>> = {
  'a label of another kind': { sample: { ...samples[at]!, label: 1.5 }, code: 'bad-sample', names: /"p00093".*label 1\.5.*whole numbers/ },
  'a label out of range': { sample: { ...samples[at]!, label: 3 }, code: 'invalid-argument', names: /class 3 at 13.*classes 0 to 2/ },
  'no label': { sample: { id: samples[at]!.id, bytes: samples[at]!.bytes }, code: 'bad-sample', names: /"p00093".*no label.*--labels class.*leave such samples out/ }, // prettier-ignore
  'a sample that makes the loss no number': { sample: { ...samples[at]!, bytes: nothing }, code: 'training-diverged', names: /NaN in step 6.*look for bad samples/ }, // prettier-ignore
  'a sample of another size': { sample: { ...samples[at]!, bytes: new Uint8Array(20) }, code: 'bad-sample', names: /p00093/ },
}
for (const [what, { sample, code, names }] of Object.entries(faults))
  test(`${what} ends a training by name; its last checkpoint is there, and it goes on from that when the sample is put right`, async (t) => {
    const host = createLocalHost({ name: 'node', threads: 1 })
    t.after(() => host.close())
    const set = remote(host, dataset, 'points')
    const how = plan({ epochs: 2, shuffle: false, checkpointEvery: 1 })
    const run = async (main: Remote<typeof trainer>, begun: number) => {
      for await (const _ of main.run(begun)) continue
    }
    await set.put(samples)
    const whole = remote(host, trainer, 'whole')
    await whole.put(network(), spec)
    await run(whole, await whole.fit(how))

    await set.put([sample])
    const main = remote(host, trainer, 'main')
    await main.put(network(), spec)
    await assert.rejects(
      main.fit(how).then((begun) => run(main, begun)),
      (error) => {
        assert.ok(isActiveStorageError(error), String(error))
        assert.equal(error.code, code, error.message)
        assert.match(error.message, names)
        return true
      },
    )
    const { status, step, error } = await main.status()
    assert.equal(status, 'failed')
    assert.match(error ?? '', names)
    // Batches are made ahead, so a bad sample may be found before its step; the steps until then are kept.
    assert.ok(step >= 3 && step <= 5, `the last checkpoint is of step ${step}`)
    assert.deepEqual((await main.curve()).slice(0, step), (await whole.curve()).slice(0, step))
    assert.notDeepEqual(await main.export(), network())
    await set.put([samples[at]!])
    await run(main, await main.resume())
    assert.deepEqual(await main.curve(), await whole.curve())
    assert.deepEqual(await main.export(), await whole.export())
  })
