import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { defaultPolicy } from '../../src/policy/document.ts'
import { parsePolicy } from '../../src/policy/parse.ts'

const textOf = (yaml: string): string => {
  try {
    parsePolicy(yaml, 'p.yaml')
  } catch (error) {
    assert.ok(isActiveStorageError(error, 'invalid-policy'), String(error))
    return error.text
  }
  return 'accepted'
}

test('a policy of a version alone has every default', () => {
  assert.deepEqual(defaultPolicy, {
    version: 1,
    objective: { minimize: 'time', tieBreak: 'bytes' },
    constraints: { deadlineMs: undefined },
    strategy: 'cost-model',
    threshold: { offloadAboveBytes: 67_108_864, to: 'node' },
    costModel: { margin: 0.1, explore: { tries: 3, share: 0.01 } },
    rules: [],
  })
})

test('every key is read', () => {
  const document = parsePolicy(
    `version: 1
objective: { minimize: bytes }
constraints: { deadlineMs: 2000 }
strategy: threshold
threshold: { offloadAboveBytes: 1.5 MiB, to: cloud }
costModel: { margin: 0.2, explore: { tries: 0, share: 0 } }
rules:
  - name: small things stay
    match: { type: loader, method: batch }
    when: { call.missingBytes: { below: 16KiB }, node.up: { above: 0 } }
    place: local
  - name: the trainer is fed from the cloud
    match: { type: trainer }
    place: cloud
`,
    'p.yaml',
  )
  assert.equal(document.objective.tieBreak, 'time')
  assert.equal(document.threshold.offloadAboveBytes, 1_572_864)
  assert.deepEqual(document.rules[0], {
    name: 'small things stay',
    match: { type: 'loader', method: 'batch' },
    when: [
      { signal: 'call.missingBytes', above: undefined, below: 16_384 },
      { signal: 'node.up', above: 0, below: undefined },
    ],
    place: 'local',
  })
  assert.deepEqual(document.rules[1]?.when, [])
})

test('a parsed policy cannot be changed', () => {
  const { rules } = parsePolicy('version: 1\nrules: [{ name: a, match: { type: x }, place: node }]', 'p.yaml')
  assert.throws(() => Object.assign(defaultPolicy.costModel.explore, { tries: 9 }), TypeError)
  assert.throws(() => Object.assign(rules[0] ?? {}, { place: 'cloud' }), TypeError)
})

const mistakes: readonly (readonly [what: string, yaml: string, message: string])[] = [
  ['a mistyped key', 'version: 1\nstratgy: local', 'p.yaml:2:1: unknown key "stratgy"; did you mean `strategy`?'],
  ['two letters swapped', 'verison: 1', 'p.yaml:1:1: unknown key "verison"; did you mean `version`?'],
  ['a mistyped nested key', 'version: 1\nobjective:\n  minimise: time', 'p.yaml:3:3: unknown key "minimise"; did you mean `minimize`?'],
  [
    'a mistyped value',
    'version: 1\nstrategy: cost-modle',
    'p.yaml:2:11: "cost-modle" is not one of local, node, cloud, threshold, cost-model; did you mean `cost-model`?',
  ],
  [
    'an unknown signal',
    'version: 1\nrules:\n  - name: a\n    when: { node.inflight: { above: 3 } }\n    place: cloud',
    'p.yaml:4:13: unknown signal "node.inflight"; did you mean `node.inFlight`?',
  ],
  [
    'a place that is none',
    'version: 1\nrules:\n  - name: a\n    match: { type: x }\n    place: clod',
    'p.yaml:5:12: "clod" is not one of local, node, cloud; did you mean `cloud`?',
  ],
  ['no version', 'strategy: local', 'p.yaml:1:1: `version` is missing'],
  ['another version', 'version: 2', 'p.yaml:1:10: version 2 is not known; this version reads version 1'],
  ['a version in quotes', 'version: "1"', 'p.yaml:1:10: version "1" is not known; this version reads version 1, without quotes'],
  ['an empty file', '', 'p.yaml:1:1: the policy is empty; begin with `version: 1`'],
  ['a list', '- version: 1', 'p.yaml:1:1: a list stands where a mapping is wanted'],
  ['a word for a list', 'version: 1\nrules: none', 'p.yaml:2:8: the string "none" stands where a list is wanted'],
  ['a key without a value', 'version: 1\nobjective:', 'p.yaml:2:11: nothing stands where a mapping is wanted'],
  ['a tab', 'version: 1\nobjective:\n\tminimize: time', 'p.yaml:3:1: a tab in the indentation; YAML is indented with spaces'],
  ['a key twice', 'version: 1\nstrategy: node\nstrategy: local', 'p.yaml:3:1: this key stands twice in the same mapping'],
  ['a second document', 'version: 1\n---\nversion: 1', 'p.yaml:2:1: a second document begins here; a policy is one document'],
  ['an alias', 'version: &v 1\nstrategy: *v', 'p.yaml:2:11: aliases are not used in a policy; write the value out'],
  ['a prototype key', 'version: 1\n__proto__: { strategy: local }', 'p.yaml:2:1: `__proto__` cannot be a key'],
  ['a key that is no word', 'version: 1\n7: 8', 'p.yaml:2:1: a key must be a plain word'],
  [
    'an unknown unit',
    'version: 1\nthreshold: { offloadAboveBytes: 64mb }',
    'p.yaml:2:33: "64mb" is no size; write whole bytes or a number with B, kB, MB, GB, KiB, MiB, GiB: 64MiB (powers of 1024) or 64MB (of 1000)',
  ],
  ['a margin too large', 'version: 1\ncostModel: { margin: 2 }', 'p.yaml:2:22: 2 must be <= 1; it is a fraction: write 0.02 for 2 %'],
  ['a deadline of nothing', 'version: 1\nconstraints: { deadlineMs: 0 }', 'p.yaml:2:28: 0 must be > 0'],
  [
    'a unit on a number',
    'version: 1\nrules: [{ name: a, when: { node.rttMs: { above: 3ms } }, place: local }]',
    'p.yaml:2:49: "3ms" is no number, which a bound on node.rttMs must be; write 3, in milliseconds',
  ],
  [
    'a condition that nothing meets',
    'version: 1\nrules: [{ name: a, when: { node.rttMs: { above: 3, below: 2 } }, place: local }]',
    'p.yaml:2:40: nothing is above 3 and below 2; are the two swapped?',
  ],
  [
    'a rule without a condition',
    'version: 1\nrules:\n  - { name: a, place: local }',
    'p.yaml:3:5: a rule needs `when` or `match`; one that always holds is a `strategy`',
  ],
]

const slips: readonly (readonly [what: string, yaml: string, message: string | RegExp])[] = [
  ['a duration', 'version: 1\nconstraints: { deadlineMs: 2s }', /^p\.yaml:2:28: the string "2s" .* wanted; write 2000, in milliseconds$/],
  ['a number in quotes', 'version: 1\nconstraints: { deadlineMs: "250" }', /write 250, without quotes$/],
  ['a percentage', 'version: 1\ncostModel: { margin: 10% }', /write 0\.1, a fraction$/],
  ['a decimal comma', 'version: 1\ncostModel: { margin: "0,1" }', /write 0\.1$/],
  ['underscores', 'version: 1\nthreshold: { offloadAboveBytes: 1_000_000 }', /write 1000000 as a plain number$/],
  ['a negative size', 'version: 1\nthreshold: { offloadAboveBytes: -1 }', /^p\.yaml:2:33: -1 must be >= 0$/],
  ['a negative size with a unit', 'version: 1\nthreshold: { offloadAboveBytes: -1MiB }', /"-1MiB" is no size/],
  ['a size without B', 'version: 1\nthreshold: { offloadAboveBytes: 64M }', /64MiB \(powers of 1024\) or 64MB/],
  ['an infinite size', 'version: 1\nthreshold: { offloadAboveBytes: .inf }', /^p\.yaml:2:33: the number Infinity stands/],
  ['a word of YAML 1.1 for a place', 'version: 1\nstrategy: no', /"no" is not one of local, node/],
  ['true for a name', 'version: 1\nrules: [{ name: true, match: { type: x }, place: node }]', /in quotes it is one: "true"/],
  ['another case', 'version: 1\nstrategy: Cost-Model', /did you mean `cost-model`\?$/],
  ['an underscore for a hyphen', 'version: 1\nstrategy: cost_model', /did you mean `cost-model`\?$/],
  ['an operator', 'version: 1\nrules: [{ name: a, when: { node.inFlight: ">32" }, place: cloud }]', /write \{ above: 32 \}$/],
  [
    'a bare bound',
    'version: 1\nrules: [{ name: a, when: { node.inFlight: 32 }, place: cloud }]',
    /write \{ above: 32 \} or \{ below: 32 \}$/,
  ],
  ['rules that are no list', 'version: 1\nrules: { name: a }', /a mapping stands where a list is wanted; begin each item with "- "/],
  ['no space after a colon', 'version:1', /is there a space after the colon\?$/],
  [
    'a condition on a flag',
    'version: 1\nrules: [{ name: a, when: { node.up: { above: 1 } }, place: node }]',
    /never above 1; write \{ above: 0 \}/,
  ],
  ['below nothing', 'version: 1\nrules: [{ name: a, when: { node.rttMs: { below: 0 } }, place: node }]', /never below 0/],
  [
    'a negative bound',
    'version: 1\nrules: [{ name: a, when: { node.rttMs: { above: -1 } }, place: node }]',
    /-1 is below 0, which node\.rttMs never is/,
  ],
  [
    'no whole number between',
    'version: 1\nrules: [{ name: a, when: { node.inFlight: { above: 3, below: 4 } }, place: node }]',
    /no whole number is above 3 and below 4/,
  ],
  ['another encoding', 'version: 1\nrules: [{ name: "caf\uFFFD" }]', /^p\.yaml:2:21: the file is not UTF-8/],
]

for (const [what, yaml, message] of slips) {
  test(`${what} is refused, with what to write`, () =>
    assert.match(textOf(yaml), message instanceof RegExp ? message : new RegExp(message)))
}

test('all mistakes are told at once, in the order of the file', () => {
  const yaml = `version: 2
stratgy: node
constraints: { deadlineMs: 2s }
threshold: { offloadAboveBytes: 64mb, offloadAboveBytes: 5mb }
rules:
  - { name: a, when: { node.inflight: { above: 3 }, node.rttMs: { above: 3, below: 2 } }, place: clod }
  - { name: b, place: node }
`
  const lines = textOf(yaml).split('\n')
  assert.deepEqual(
    lines.map((line) => line.split(': ')[0]),
    ['p.yaml:1:10', 'p.yaml:2:1', 'p.yaml:3:28', 'p.yaml:4:39', 'p.yaml:4:58', 'p.yaml:6:24', 'p.yaml:6:65', 'p.yaml:6:98', 'p.yaml:7:5'],
  )
  const many = `version: 1\n${Array.from({ length: 50 }, (_, index) => `k${index}: 1\n`).join('')}`
  const told = textOf(many).split('\n')
  assert.deepEqual([told.length, told.at(-1)], [21, 'and 30 more'])
})

for (const [what, yaml, message] of mistakes) {
  test(`${what} is answered with its place`, () => assert.equal(textOf(yaml), message))
}

test('what this version does not enforce is refused by name, never ignored', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['version: 1\nconstraints: { residency: [] }', 'p.yaml:2:16: this version does not enforce `residency`'],
    ['version: 1\nobjective: { minimize: money }', 'p.yaml:2:24: this version does not enforce `money`'],
    ['version: 1\nobjective: { minimize: clientMemory }', 'p.yaml:2:24: this version does not enforce `clientMemory`'],
    ['version: 1\nstrategy: adaptive', 'p.yaml:2:11: this version does not enforce `adaptive`'],
  ]
  for (const [yaml, beginning] of refused) assert.ok(textOf(yaml).startsWith(beginning), textOf(yaml))
})

test('a hostile file costs a message', () => {
  assert.match(textOf(`version: 1 # ${'x'.repeat(2 ** 20)}`), /^p\.yaml:1:1: the file is larger than 1048576 bytes/)
  assert.match(textOf('{'.repeat(20_000)), /^p\.yaml:1:\d+: /)
  assert.match(textOf(`version: ${'['.repeat(40)}${']'.repeat(40)}`), /nested more than 16 levels/)
  const bomb = ['a: &a [x, x]', ...Array.from({ length: 20 }, (_, n) => `b${n}: &b${n} [*a, *a]`)].join('\n')
  assert.match(textOf(bomb), /aliases are not used/)
})

test('any text is a policy or an invalid-policy error with a place', () => {
  const words = fc.constantFrom(
    'version: 1',
    'rules:',
    '- name: a',
    '  when:',
    '{',
    '}',
    '&a',
    '*a',
    '\t',
    '\n',
    ': ',
    '- ',
    '"',
    '!!x',
    '---',
    'node.up',
    '%',
  )
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 30 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (yaml) => {
      const answer = textOf(yaml)
      assert.ok(answer === 'accepted' || /^p\.yaml:\d+:\d+: \S/.test(answer), answer)
    }),
    { numRuns: 1000 },
  )
})

test('any structure is a policy or an invalid-policy error with a place', () => {
  const known = fc.constantFrom('version', 'rules', 'objective', 'strategy', 'costModel', 'threshold', 'constructor', 'when', '__proto__')
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      fc.constantFrom(1, null, 'local', '64MiB', -1),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(known, tie('node'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(tree.node, (data) => {
      const answer = textOf(`{ "version": 1, "rules": ${JSON.stringify(data)} }`)
      assert.ok(answer === 'accepted' || /^p\.yaml:\d+:\d+: \S/.test(answer), answer)
    }),
    { numRuns: 500 },
  )
})
