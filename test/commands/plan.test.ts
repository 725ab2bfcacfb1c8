import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readPlan, withVocabulary } from '../../src/commands/plan.ts'
import { ContentRef } from '../../src/core/content.ts'
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

test('a file that is no plan is refused, and says what one is', async (t) => {
  await assert.rejects(read(t, 'fit: {}'), { code: 'invalid-argument', message: /two parts/ })
  await assert.rejects(read(t, 'fit: ['), { code: 'invalid-argument', message: /plan\.yaml/ })
  await assert.rejects(readPlan('nowhere.yaml'), { code: 'not-found' })
})
