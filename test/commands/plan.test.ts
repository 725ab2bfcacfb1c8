import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readPlan, withVocabulary } from '../../src/commands/plan.ts'
import { ContentRef } from '../../src/core/content.ts'
import { toFailure } from '../../src/core/errors.ts'
import type { VocabularyOptions } from '../../src/objects/dataset/vocabulary.ts'
import type { Split } from '../../src/objects/dataset/split.ts'
import type { FitPlan } from '../../src/objects/trainer/spec.ts'
import { temporaryFolder } from '../storage-node/support.ts'

const content = new ContentRef('0'.repeat(64), 10, 'node')
const split: Split = { part: 'train', test: 0.2 }
const plan = `
trainer: { loss: { kind: cross-entropy }, optimizer: { kind: adam }, learningRate: 0.1 }
fit:
  dataset: mails
  split: { part: train, test: 0.2 }
  pipeline: &texts
    - { op: tokenize, level: word, lowercase: false, vocabulary: { size: 50, minCount: 2 } }
    - { op: pad, length: 4 }
  batchSize: 2
  epochs: 1
  validate: { split: { part: test, test: 0.2 }, pipeline: *texts }
`
const read = async (t: Parameters<typeof temporaryFolder>[0], text: string) => {
  const file = join(temporaryFolder(t), 'plan.yaml')
  writeFileSync(file, text)
  return readPlan(file)
}

test('a plan that asks for a vocabulary gets one of the samples that it trains on, and uses it wherever it asked', async (t) => {
  const asked: (readonly [string, (VocabularyOptions & { readonly split?: Split }) | undefined])[] = []
  const setOf = (name: string) => ({
    async buildVocabulary(options?: VocabularyOptions & { readonly split?: Split }) {
      asked.push([name, options])
      return { content, size: 50, lowercase: false }
    },
  })
  const { fit } = await read(t, plan)
  assert.ok('dataset' in fit)
  const filled = await withVocabulary(fit, setOf)
  assert.deepEqual(asked, [['mails', { size: 50, minCount: 2, lowercase: false, split }]])
  const texts = [
    { op: 'tokenize', level: 'word', lowercase: false, vocabulary: content },
    { op: 'pad', length: 4 },
  ]
  assert.deepEqual(filled.pipeline, texts)
  assert.deepEqual(filled.validate?.pipeline, texts)
  const words: FitPlan = {
    ...fit,
    pipeline: [
      { op: 'tokenize', level: 'word', vocabulary: ['a'] },
      { op: 'pad', length: 4 },
    ],
  }
  assert.equal(await withVocabulary(words, setOf), words)
  assert.equal(asked.length, 1)
})

test('all mistakes of a plan are told at once, each with its place and the choices there are', async (t) => {
  const wrong = `trainer:
  loss: { kind: cross-entropie }
  optimizer: { kind: sgd, momentun: 0.9 }
  learningrate: 0.1
fit:
  dataset: photos
  pipeline: &images
    - { op: decode }
    - { op: normalize, scale: 1/255 }
  batchSize: 0
  epochs: 2.5
  shuffle: yes
  validate: { pipeline: [{ op: decode }, { op: resise, width: 8, height: 8 }], batchSize: 8 }
epochs: 3
`
  const error = await read(t, wrong).then(
    () => assert.fail('taken'),
    (thrown: unknown) => toFailure(thrown),
  )
  assert.equal(error.code, 'invalid-argument')
  const expected = [
    /^2:17: "cross-entropie" is not one of cross-entropy, .*huber; did you mean `cross-entropy`\?$/,
    /^3:27: unknown key "momentun"; did you mean `momentum`\?; known here: kind, weightDecay, momentum, nesterov$/,
    /^4:3: unknown key "learningrate"; did you mean `learningRate`\?; known here: loss, optimizer,/,
    /^9:31: "1\/255" will not do: use a number; write 0\.0039/,
    /^10:14: 0 is out of bounds: the least is 1$/,
    /^11:11: 2\.5 stands where a whole number is wanted$/,
    /^12:12: "yes" stands where true or false is wanted; write true$/,
    /^13:48: "resise" is no op: did you mean "resize"\?/,
    /^14:1: unknown key "epochs"; it belongs in `fit`/,
  ]
  const lines = error.text.split('\n').map((line) => line.replace(/^.*plan\.yaml:/, ''))
  assert.equal(lines.length, expected.length, error.text)
  for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern)
})

test('mistakes in the fields of several ops are told at once', async (t) => {
  const plan = `trainer: { loss: { kind: mse }, optimizer: { kind: sgd }, learningRate: 0.1 }
fit:
  dataset: photos
  pipeline:
    - { op: decode }
    - { op: resise, width: 8, height: 8 }
    - { op: resize, width: 8, height: 8, fit: inside }
    - { op: center-crop, width: 8, hight: 8 }
    - { op: normalize, scale: 1/255 }
  batchSize: 1
  epochs: 1
`
  const { text } = toFailure(await read(t, plan).catch((thrown: unknown) => thrown))
  const places = text.split('\n').map((line) => /plan\.yaml:(\d+):\d+: (.{8})/.exec(line)?.slice(1).join(' '))
  assert.deepEqual(places, ['6 "resise"', '8 center-c', '9 "1/255" '], text)
})

test('a plan whose mistakes lie in what aliases name is refused there, and one that grows without bound at all', async (t) => {
  const fit = (pipeline: string) => `trainer: { loss: { kind: mse }, optimizer: { kind: sgd }, learningRate: 0.1 }
fit: { dataset: a, pipeline: &p ${pipeline}, batchSize: 1, epochs: 1, validate: { pipeline: *p } }
`
  await assert.rejects(read(t, fit('[{ op: decodee }]')), { message: /plan\.yaml:2:40: "decodee" is no op/ })
  const bomb = [
    'a: &a [x, x, x, x]',
    ...'bcdefghij'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefghij'[index]}, `.repeat(8)}]`),
  ]
  await assert.rejects(read(t, bomb.join('\n')), { message: /alias|more than/ })
})

test('epochs of the command line take the place of those of the plan', async (t) => {
  const file = join(temporaryFolder(t), 'plan.yaml')
  writeFileSync(file, plan.replace('  epochs: 1\n', ''))
  assert.equal((await readPlan(file, 7)).fit.epochs, 7)
  await assert.rejects(readPlan(file), { message: /`epochs` is missing/ })
})

test('a file that is no plan is refused, and says what one is', async (t) => {
  await assert.rejects(read(t, 'fit: {}'), { code: 'invalid-argument', message: /two parts/ })
  await assert.rejects(read(t, 'fit: ['), { code: 'invalid-argument', message: /plan\.yaml/ })
  await assert.rejects(readPlan('nowhere.yaml'), { code: 'not-found' })
})
