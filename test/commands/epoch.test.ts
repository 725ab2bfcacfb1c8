import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wholeEpoch } from '../../src/commands/epoch.ts'
import type { Progress } from '../../src/objects/trainer/job.ts'

const report = (losses: readonly number[], accuracy: number, samplesPerSecond: number): Progress => ({
  status: 'running',
  step: 10,
  steps: 20,
  epoch: 1,
  epochs: 2,
  loss: losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, losses.length),
  losses,
  accuracy,
  learningRate: 0.1,
  samplesPerSecond,
  etaMs: 0,
  checkpoint: 0,
})

test('an epoch is told by all of its steps, not by those since the last report', () => {
  const validation = { loss: 0.5, samples: 7 }
  const whole = wholeEpoch([report([4, 2, 3], 0.2, 30), { ...report([1], 0.6, 10), validation }])
  assert.equal(whole?.loss, 2.5)
  assert.ok(Math.abs((whole.accuracy ?? 0) - 0.3) < 1e-12)
  // Three steps at 30 samples a second and one at 10.
  assert.ok(Math.abs(whole.samplesPerSecond - 20) < 1e-9)
  assert.deepEqual(whole.validation, validation)
  assert.equal(wholeEpoch([]), undefined)
  assert.equal(wholeEpoch([report([], 0, 0)])?.loss, 0)
})
