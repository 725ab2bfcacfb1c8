import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { check } from './gradcheck/check.ts'
import { type Case, float32 } from './gradcheck/case.ts'

const wave = (sides: readonly number[], from: number) =>
  float32(Array.from({ length: sides.reduce((n, side) => n * side, 1) }, (_, i) => Math.sin(1.7 * i + from)), sides) // prettier-ignore

/** A convolution of many channels: random cases have few, and their weights another form of gradient. */
const convolution = (channels: number, m: number, sides: readonly number[], stride: number): Case => {
  const b = new GraphBuilder()
  const feeds = new Map([['x', wave([2, channels, ...sides], 0)], ['w', wave([m, channels, ...sides.map(() => 3)], 1)]] as const) // prettier-ignore
  const inputs = [...feeds].map(([name, { dtype, shape }]) => b.input(name, dtype, shape))
  b.output(b.op('Conv', inputs, { strides: sides.map(() => stride), pads: [...sides, ...sides].map(() => 1) }))
  return { graph: b.build(), feeds, of: ['x', 'w'], seed: 5 }
}

const forms = {
  'one product over all samples': convolution(18, 2, [3, 2], 1),
  'a product for each sample': convolution(16, 3, [5, 4], 1),
  'strides of two': convolution(17, 2, [5, 5], 2),
  'one dimension': convolution(16, 4, [19], 1),
}
for (const [name, kase] of Object.entries(forms)) {
  test(`gradients of a convolution of many channels are those of differences: ${name}`, async () => {
    assert.deepEqual(await check(kase), [])
  })
}
