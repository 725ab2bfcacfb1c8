import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerTo } from '../../examples/quickstart/options.ts'

test('the quick start helps, refuses what it does not know, and runs without options', () => {
  assert.equal(answerTo([]), undefined)
  for (const option of ['--help', '-h']) {
    const answer = answerTo([option])
    assert.equal(answer?.code, 0)
    assert.match(answer?.text ?? '', /Usage: npm run quickstart.*under two minutes/s)
  }
  assert.deepEqual(answerTo(['--helpp'])?.code, 2)
  assert.match(answerTo(['--helpp'])?.text ?? '', /no option --helpp; did you mean `--help`\?/)
  assert.match(answerTo(['fast'])?.text ?? '', /no option fast/)
})
