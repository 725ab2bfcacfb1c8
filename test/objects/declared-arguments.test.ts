import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContentRef } from '../../src/core/content.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { objectId, typeName } from '../../src/core/ids.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Transport } from '../../src/core/transport.ts'
import type { Value } from '../../src/core/value.ts'
import { builtIn } from '../../src/storage-node/built-in.ts'
import { createLocalHost } from '../../src/storage-node/local-host.ts'
import { registerType } from '../../src/storage-node/objects/declared.ts'
import { failing } from '../contracts/transport.ts'

const methods = builtIn.flatMap((type) => Array.from(type.entries, ([name, entry]) => ({ type, name, entry })))

test('every method of the built-in types declares its arguments, but for site.echo, which measures a bare call', () => {
  const free = methods.filter(({ entry }) => entry.arguments === undefined).map(({ type, name }) => `${type.name}.${name}`)
  assert.deepEqual(free, ['site.echo'])
})

test('every schema of the built-in types is valid', () => {
  for (const { type, name, entry } of methods) {
    const declared = registerType(type)
    const refusals = [() => declared.checkArguments(name, entry.arguments?.map(() => 5n) ?? []), () => declared.checkResult(name, 5n)]
    for (const check of refusals)
      try {
        check()
      } catch (error) {
        assert.doesNotMatch(String(error), /is not valid/)
      }
  }
})

const calling = async (host: Transport, type: string, name: string, stream: boolean, args: readonly Value[]): Promise<void> => {
  const { entry } = methods.find((method) => method.type.name === type && method.name === name) ?? assert.fail()
  const context = { callId: 'declared-arguments', chain: [] } as never
  const call = { type: typeName(type), object: objectId('main'), method: name, kind: entry.kind, args, context }
  if (!stream) await host.call(call)
  else for await (const _ of host.stream(call)) break
}

const junk: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Value[]>(null, undefined, true, 0, -1, 1.5, Number.NaN, '', 'id', 'ops', 5n, new Date(0), new Uint8Array(3)),
    fc.constantFrom<Value[]>(new Tensor('uint8', new Uint8Array(3), [1, 1, 3]), new ContentRef('0'.repeat(64), 3, 'local')),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(...['id', 'bytes', 'label', 'content', 'ops', 'op', 'seed', 'epoch', 'hash', 'file', 'external', 'mode', 'after']),
      tie('value'),
      { maxKeys: 6 },
    ),
    fc.record({ ops: fc.array(fc.record({ op: fc.constantFrom('decode', 'resize', 'x') }), { maxLength: 2 }) }),
    fc.record({ seed: fc.constantFrom(0, -1), epoch: fc.constant(0) }),
    fc.array(fc.record({ id: fc.constantFrom('a', ''), content: tie('value'), bytes: tie('value') }), { maxLength: 2 }),
  ),
})).value

test('whatever the arguments are, a built-in method never fails from within', async (t) => {
  const host = createLocalHost({ threads: 1 })
  t.after(() => host.close())
  for (const { type, name, entry } of methods) {
    await fc.assert(
      fc.asyncProperty(fc.array(junk, { maxLength: 5 }), async (args) => {
        try {
          await calling(host, type.name, name, entry.stream, args)
        } catch (error) {
          assert.ok(isActiveStorageError(error), String(error))
          assert.ok(error.code !== 'method-threw' && error.code !== 'internal', error.message)
        }
      }),
      { numRuns: 60 },
    )
  }
})

test('a wrong argument is refused by name and place before the method runs', async (t) => {
  const host = createLocalHost({ threads: 1 })
  t.after(() => host.close())
  const cases: readonly (readonly [string, string, readonly Value[], RegExp])[] = [
    ['dataset', 'put', ['x'], /dataset\.put: arguments\[0\] is "x", and must be a list$/],
    ['dataset', 'put', [[{ id: 'a', bytes: 'x' }]], /arguments\[0\]\[0\]\.bytes is "x", and must be a Uint8Array$/],
    [
      'pipeline',
      'run',
      [{ ops: [] }, [], { seed: 1 }],
      /pipeline\.run: arguments\[2\]\.epoch is missing, and must be a whole number from 0$/,
    ],
    ['model', 'put', ['x'], /model\.put: arguments\[0\] is "x", and must be a Uint8Array$/],
    ['batch', 'forward', [{}, null], /batch\.forward: arguments\[0\]\.hash is missing/],
    ['content', 'has', [['x']], /content\.has: arguments\[0\]\[0\] is "x", and must be a string that fits/],
    ['site', 'list', [{ limit: 0 }], /site\.list: arguments\[0\]\.limit is 0, and must be a whole number from 1$/],
  ]
  for (const [type, method, args, says] of cases)
    assert.match((await failing(calling(host, type, method, false, args), 'invalid-argument')).message, says)
})
