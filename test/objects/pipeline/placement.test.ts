import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, Tensor } from '../../../src/core/tensor.ts'
import { runPipeline, runPipelineOnTensor } from '../../../src/objects/pipeline/engine.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import { photo } from '../data.ts'
import { fromRaw, key, live, nhwc, one, pattern, rawOf } from './images.ts'

const random: readonly Op[] = [
  { op: 'resize', width: 160, height: 140 },
  { op: 'random-crop', width: 96, height: 80 },
  { op: 'flip' },
  { op: 'flip', axis: 'vertical' },
]
const numbers = [1, 2, 3, 4, 5, 6] as const
const samples = numbers.map((n) => ({ id: `photo-${n}`, bytes: photo(n) }))

test('random ops give a sample the same values alone, in a batch and in another order', async () => {
  const spec = { ops: [{ op: 'decode' } as const, ...random, { op: 'normalize', mean: [0.4, 0.5, 0.6], std: 0.25 } as const] }
  const batch = await runPipeline(spec, samples, key, { signal: live })
  assert.deepEqual(batch.shape, [6, 3, 80, 96])
  const size = batch.size / 6
  const rows = numbers.map((_, i) => batch.data.slice(i * size, (i + 1) * size))
  const turned = await runPipeline(spec, samples.toReversed(), key, { signal: live })
  for (const [i, sample] of samples.entries()) {
    const alone = await runPipeline(spec, [sample], key, { signal: live })
    assert.deepEqual(alone.data, rows[i], `${sample.id} alone`)
    assert.deepEqual(turned.data.slice((5 - i) * size, (6 - i) * size), rows[i], `${sample.id} in a turned batch`)
  }
})

test('another epoch, seed or id draws anew', async () => {
  const spec = { ops: [{ op: 'decode' } as const, ...random] }
  const bytes = photo(1)
  const of = async (id: string, seed: number, epoch: number) =>
    Buffer.from(bytesOf(await runPipeline(spec, [{ id, bytes }], { seed, epoch }, { signal: live }))).toString('base64')
  const all = new Set(await Promise.all([of('a', 7, 3), of('a', 7, 4), of('a', 8, 3), of('b', 7, 3)]))
  assert.equal(all.size, 4)
})

test('each sample is flipped or not by a draw of its own', async () => {
  const bytes = await pattern(8, 8).png().toBuffer()
  const samples = Array.from({ length: 64 }, (_, i) => ({ id: `s${i}`, bytes }))
  const batch = await runPipeline({ ops: [{ op: 'decode' }, { op: 'flip' }] }, samples, key, { signal: live })
  const whole = (await one([{ op: 'decode' }], bytes)).data
  const kept = samples.filter((_, i) => batch.data.slice(i * 192, (i + 1) * 192).every((value, at) => value === whole[at])).length
  assert.ok(kept > 16 && kept < 48, `${kept} of 64 kept`)
})

test('raw pixels give what the decoded picture gives', async () => {
  const decoded = await rawOf(pattern(60, 50))
  const png = await fromRaw(decoded).png().toBuffer()
  const ops: readonly Op[] = [{ op: 'random-crop', width: 40, height: 30 }, { op: 'flip' }, { op: 'resize', width: 21, height: 17 }, nhwc]
  const batch = new Tensor('uint8', new Uint8Array(decoded.data), [1, 50, 60, 3])
  // The op index is part of a draw's key, and raw pixels have no decode before them: the draws differ, the size does not.
  const raw = await runPipelineOnTensor({ ops }, batch, ['sample'], key, { signal: live })
  assert.deepEqual(raw.shape, [1, 17, 21, 3])
  const fixed = ops.map((op): Op =>
    op.op === 'random-crop' ? { ...op, op: 'center-crop' } : op.op === 'flip' ? { op: 'flip', probability: 1 } : op,
  )
  const fromPixels = await runPipelineOnTensor({ ops: fixed }, batch, ['sample'], key, { signal: live })
  assert.deepEqual(fromPixels.data, (await one([{ op: 'decode' }, ...fixed], png)).data)
})
