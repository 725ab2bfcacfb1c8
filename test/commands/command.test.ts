import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isStream, valueOf } from '../../src/commands/call.ts'
import { type Command, helpOf, parse } from '../../src/commands/command.ts'
import { outline } from '../../src/commands/outline.ts'
import { objectOf } from '../../src/commands/lifecycle.ts'
import { sizeOf } from '../../src/commands/size.ts'

const command: Command = {
  name: 'try',
  summary: 'Tries.',
  usage: '[WORD]',
  takes: 1,
  options: {
    data: { type: 'string', value: 'DIR', help: 'a folder' },
    node: { type: 'string', short: 'n', value: 'HOST:PORT', help: 'a node' },
    peer: { type: 'string', multiple: true, value: 'NAME', help: 'a peer' },
    stream: { type: 'boolean', help: 'streams' },
  },
  examples: [],
  run: async () => undefined,
}

test('an option that is not known is refused with the nearest, and a word too many with what it may have been', () => {
  const wrong: [args: string[], message: RegExp][] = [
    [['--dta', 'x'], /there is no option --dta; did you mean --data\?\nTry: active-storage try --help/],
    [['--helpp'], /did you mean --help\?/],
    [['-x'], /there is no option -x\n/],
    [['--data'], /--data needs a value: --data DIR/],
    [['--data', '--json'], /--data needs a value, and --json follows/],
    [['--stream=no'], /--stream takes no value; it was given "no"/],
    [['a', 'data'], /"data" is one word too many; did you mean --data\?/],
    [['a', 'b'], /"b" is one word too many; usage: active-storage try \[WORD\]/],
  ]
  for (const [args, message] of wrong) assert.throws(() => parse(command, args), { code: 'invalid-argument', message }, args.join(' '))
})

test('options, words and negative numbers are told apart', () => {
  const parsed = parse(command, ['-5', '--data=-x', '-n', '-1', '--peer', 'a', '--peer', 'b', '--stream'])
  assert.deepEqual(
    [parsed.positionals, parsed.text('data'), parsed.text('node'), parsed.texts('peer'), parsed.flag('stream'), parsed.flag('json')],
    [['-5'], '-x', '-1', ['a', 'b'], true, false],
  )
  assert.deepEqual(parse(command, ['--', '--data']).positionals, ['--data'])
  assert.match(helpOf(command), /-n, --node HOST:PORT/)
})

test('an object is TYPE NAME or TYPE/NAME, and nothing more', () => {
  assert.deepEqual(objectOf(['dataset', 'a'], 'x'), { type: 'dataset', id: 'a', rest: [] })
  assert.deepEqual(objectOf(['dataset/a/b', 'more'], 'x', 1), { type: 'dataset', id: 'a/b', rest: ['more'] })
  for (const words of [[], ['dataset'], ['dataset/'], ['/a'], ['dataset/a', 'b'], ['dataset', 'a', 'b']])
    assert.throws(() => objectOf(words, 'rm TYPE NAME'), { code: 'invalid-argument', message: /usage: active-storage rm TYPE NAME/ })
})

test('an argument of a call is JSON where it is that; digits are not lost, and what only looks like JSON is refused', () => {
  assert.deepEqual(valueOf('{"limit": 3}'), { limit: 3 })
  assert.equal(valueOf('-2.5'), -2.5)
  assert.equal(valueOf('order-17'), 'order-17')
  assert.equal(valueOf('9007199254740993'), 9_007_199_254_740_993n)
  for (const text of ['{limit: 3}', "{'limit': 3}", '[1, 2'])
    assert.throws(() => valueOf(text), { code: 'invalid-argument', message: /is not JSON .*double quotes/ })
})

test('a call knows before it runs whether a method is there and streams', () => {
  const methods = new Map([
    ['count', { kind: 'readonly', stream: false }],
    ['run', { kind: 'readonly', stream: true }],
  ])
  assert.equal(isStream('t', 'count', methods, false), false)
  assert.equal(isStream('t', 'run', methods, false), true)
  assert.equal(isStream('t', 'anything', undefined, true), true)
  assert.equal(isStream('t', '$describe', methods, false), false)
  assert.throws(() => isStream('t', 'cuont', methods, false), {
    code: 'unknown-method',
    message: /t has no method "cuont"; did you mean `count`\?; it has count, run/,
  })
  assert.throws(() => isStream('t', 'count', methods, true), { code: 'invalid-argument', message: /gives one result/ })
})

test('an outline has ten lines at the most, whatever there is to tell', () => {
  const fields = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`field${index}`, 'x'.repeat(index * 20)]))
  const text = outline('heading', fields, 'count, list', 'foot')
  const lines = text.split('\n')
  assert.equal(lines.length, 10)
  assert.ok(lines.every((line) => line.length <= 120))
  assert.match(text, /also +field6, field7/)
  assert.match(text, /methods +count, list/)
  const few = outline('heading', { bytes: 2048, empty: [], gone: undefined, inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3] }] }, undefined, 'foot') // prettier-ignore
  assert.equal(few, 'heading\n  bytes   2.0 KiB\n  inputs  x float32[N, 3]\nfoot')
})

test('a size without a unit that is known is refused with the one that was probably meant', () => {
  assert.equal(sizeOf('memory', '512MiB'), 512 * 2 ** 20)
  for (const [text, meant] of [
    ['64MB', '64MiB'],
    ['64M', '64MiB'],
    ['2g', '2GiB'],
    ['x', '512MiB'],
  ] as const)
    assert.throws(() => sizeOf('memory', text), { code: 'invalid-argument', message: new RegExp(`such as ${meant}$`) })
})
