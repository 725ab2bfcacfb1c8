import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { siteName } from '../../src/core/ids.ts'
import { isSignal, readSignal, signalNames, signals } from '../../src/policy/signals.ts'
import { callOf, hash, inputs, NODE, threeSites, view } from './views.ts'

test('the list of signals is closed, and each has a sentence', () => {
  assert.equal(signalNames.length, 4 + 3 * 7)
  for (const name of signalNames) assert.match(signals[name], /^[A-Z].*\.$/)
  assert.ok(isSignal('cloud.downMbps'))
  for (const name of ['toString', '__proto__', 'node', 'fog.rttMs']) assert.ok(!isSignal(name), name)
})

test('docs/policy.md lists exactly these signals', () => {
  const page = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8')
  const listed = [...page.matchAll(/^\| `((?:call|local|node|cloud)\.[A-Za-z]+)` +\| (.+?) +\|$/gm)].map(([, name, means]) => [name, means])
  assert.deepEqual(listed, Object.entries(signals))
})

test('content that a call reads twice counts once', () => {
  const twice = callOf({
    stages: [
      { key: 'a', units: 1, inputs: inputs(3, 100) },
      { key: 'b', units: 1, inputs: inputs(1, 100) },
    ],
  })
  assert.equal(readSignal('call.inputBytes', twice, threeSites()), 300)
  const holding = [view({ role: 'local', has: (one) => one === hash(0) })]
  assert.equal(readSignal('call.missingBytes', twice, holding), 200)
  assert.equal(
    readSignal('call.missingBytes', callOf({ stages: [{ key: 'a', units: 1, inputs: inputs(3, 100, holding[0]?.name) }] }), holding),
    0,
  )
})

test('a bandwidth is told in megabits a second', () => {
  assert.equal(readSignal('cloud.downMbps', callOf(), threeSites()), 50)
  assert.equal(readSignal('node.upMbps', callOf(), threeSites()), 1000)
})

test('what has not been measured is undefined, and an absent role is not up', () => {
  assert.equal(readSignal('node.queueMs', callOf(), threeSites()), undefined)
  assert.equal(readSignal('node.rttMs', callOf(), [view({ role: 'local' })]), undefined)
  assert.equal(readSignal('node.up', callOf(), [view({ role: 'local' })]), 0)
  assert.equal(readSignal('local.up', callOf(), threeSites()), 1)
})

test('of several sites in a role the first that is up speaks for it', () => {
  const sites = [view({ role: 'node', up: false, rttMs: 9 }), view({ role: 'node', name: siteName('other'), rttMs: 2 })]
  assert.equal(readSignal('node.rttMs', callOf(), sites), 2)
  assert.equal(sites[0]?.name, NODE)
})
