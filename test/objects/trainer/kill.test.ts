import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trainUnderKills } from './kills.ts'

const kills = Number(process.env['TRAINING_KILLS'] ?? 3)
const timeout = 180_000 + kills * 30_000

test('a training whose node is killed again and again ends with the bits of one that was left alone', { timeout }, async (t) => {
  const whole = await trainUnderKills(t, 0, 1)
  let resumed = 0
  for (let seed = 1, left = kills; left > 0; seed++) {
    const disturbed = await trainUnderKills(t, Math.min(left, 5), seed)
    assert.deepEqual(disturbed.curve, whole.curve)
    assert.deepEqual(disturbed.file, whole.file)
    left -= disturbed.kills
    resumed += disturbed.resumed
    assert.ok(seed < 10 * kills, `${left} kills came too late`)
  }
  t.diagnostic(`${kills} kills, ${resumed} of them after a report`)
  assert.ok(resumed > 0 || kills < 3)
})
