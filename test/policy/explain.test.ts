import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { parsePolicy } from '../../src/policy/parse.ts'
import { callFromSignals, estimateNames, explain, renderExplanation } from '../../src/policy/explain.ts'
import { readSignal, signalNames } from '../../src/policy/signals.ts'

const batch = { type: 'loader', method: 'batch' }
const root = new URL('../../', import.meta.url)
const example = readFileSync(new URL('examples/policy.yaml', root), 'utf8')
const explained = (yaml: string, signals: Record<string, number>): string => {
  const { call, sites, model } = callFromSignals(signals, batch)
  return renderExplanation(explain(parsePolicy(yaml, 'policy.yaml'), call, sites, model))
}

test('a supposed call has the signals that it was given', () => {
  for (const name of signalNames) {
    const value = name.endsWith('.up') ? 0 : 7
    const { call, sites } = callFromSignals({ [name]: value }, batch)
    assert.equal(readSignal(name, call, sites), value, name)
  }
  const { call, sites } = callFromSignals({ 'call.inputBytes': 100, 'call.missingBytes': 30 }, batch)
  assert.equal(readSignal('call.inputBytes', call, sites), 100)
  assert.equal(readSignal('call.missingBytes', call, sites), 30)
})

test('a name that is no signal is answered with the nearest', () => {
  const refused = (signals: Record<string, number>, message: RegExp) =>
    assert.throws(
      () => callFromSignals(signals, batch),
      (error) => isActiveStorageError(error, 'invalid-argument') && message.test(error.text),
    )
  refused({ 'node.rtMs': 1 }, /^unknown signal "node.rtMs"; did you mean `node.rttMs`\?$/)
  refused({ 'compute.nodMs': 1 }, /did you mean `compute.nodeMs`\?$/)
  refused({ 'node.rttMs': -1 }, /a signal is a number from 0$/)
  refused({ 'call.inputBytes': 1, 'call.missingBytes': 2 }, /is more than call.inputBytes=1$/)
  assert.equal(estimateNames.length, 4)
})

test('every rule is explained by the figures, and a later one that holds too is marked', () => {
  const { call, sites, model } = callFromSignals({ 'node.inFlight': 40, 'cloud.rttMs': 12 }, batch)
  const yaml = `version: 1
rules:
  - { name: not ours, match: { type: trainer }, place: local }
  - { name: unmeasured, when: { node.queueMs: { above: 5 } }, place: local }
  - { name: busy, when: { node.inFlight: { above: 32 }, cloud.rttMs: { below: 40 } }, place: cloud }
  - { name: also, when: { node.inFlight: { above: 1 } }, place: node }
`
  const explanation = explain(parsePolicy(yaml, 'p.yaml'), call, sites, model)
  assert.equal(explanation.fired, 2)
  const text = renderExplanation(explanation)
  for (const line of [
    '  1. not ours: is for other calls',
    '  2. unmeasured: no',
    '     - node.queueMs has not been measured',
    '  3. busy: yes, place: cloud',
    '     + node.inFlight is 40, above 32',
    '     + cloud.rttMs is 12, below 40',
    '  4. also: yes, but an earlier rule decided',
    'strategy  cost-model, not asked: a rule decided',
    'decision  cloud',
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\nis not in\n${text}`)
})

test('the cost model is explained offline from supposed computing times, by the parts of each option', () => {
  const text = explained('version: 1', {
    'call.inputBytes': 4_000_000,
    'call.resultBytes': 1_000_000,
    'node.rttMs': 1,
    'node.downMbps': 1000,
    'node.upMbps': 1000,
    'compute.nodeMs': 30,
    'compute.localMs': 40,
  })
  assert.match(text, /^ {2}node +39 ms {2}\(roundTrip 1 ms, compute 30 ms, result 8 ms; 977 KiB\)$/m)
  assert.match(text, /^ {2}local +73 ms {2}\(move 32 ms, roundTrip 1 ms, compute 40 ms; 3\.81 MiB\)$/m)
  assert.match(text, /^ {2}cloud +not measured/m)
  assert.match(text, /^decision {2}node$/m)
})

test('to explain is not to try: the answer is the same each time', () => {
  const { call, sites, model } = callFromSignals({ 'compute.localMs': 40 }, batch)
  const document = parsePolicy('version: 1', 'p.yaml')
  const first = explain(document, call, sites, model)
  for (let n = 0; n < 10; n++) assert.deepEqual(explain(document, call, sites, model).decision.sites, first.decision.sites)
})

test('docs/policy.md shows what explain really prints for examples/policy.yaml', () => {
  const page = readFileSync(new URL('docs/policy.md', root), 'utf8')
  const [, command = '', output = ''] = /```console\n\$ (active-storage explain [^\n\\]+(?:\\\n[^\n\\]+)*)\n([\s\S]*?)```/.exec(page) ?? []
  const signals = Object.fromEntries(
    [...command.matchAll(/--signal ([\w.]+)=([\d.]+)/g)].map(([, name = '', value]) => [name, Number(value)]),
  )
  assert.ok(Object.keys(signals).length > 3, 'the example was not found')
  assert.equal(output.trim(), explained(example, signals).trim())
})

test('the policies in docs/policy.md and examples/policy.yaml are valid', () => {
  parsePolicy(example, 'examples/policy.yaml')
  const page = readFileSync(new URL('docs/policy.md', root), 'utf8')
  const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  assert.ok(blocks.length > 0)
  for (const yaml of blocks) parsePolicy(yaml, 'docs/policy.md')
})
