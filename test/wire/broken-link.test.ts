import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokenText, lateText } from '../../src/wire/broken-link.ts'

const said: Record<string, RegExp> = {
  'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ':
    /cannot reach NODE: nothing listens there/,
  'Name resolution failed for target dns:nowhere:7070': /the host name is not known/,
  'No connection established. Last error: connect EHOSTUNREACH 10.0.0.1:7070': /no route/,
  'No connection established. Last error: connect ETIMEDOUT 10.0.0.1:7070': /does not answer/,
  'No connection established. Last error: Protocol error': /speaks no gRPC/,
  'Received HTTP status code 503': /speaks no gRPC/,
  'No connection established. Last error: undefined. Resolution note: ': /no connection could be made/,
  'Connection dropped': /the call at NODE failed: the connection broke/,
  'Received RST_STREAM with code 2 (Internal server error)': /connection broke/,
  'read ECONNRESET': /connection broke/,
  'Call cancelled': /ended the call/,
  'something of a later version': /the connection failed/,
}

test('a broken connection is told in words of our own, with the other end and what to do', () => {
  for (const [details, words] of Object.entries(said)) {
    const text = brokenText(details, 'NODE')
    assert.match(text, words, details)
    assert.match(text, /start the node|check that the node runs/)
    assert.doesNotMatch(text, /RST_STREAM|Last error|Resolution note|UNAVAILABLE/)
  }
})

test('a deadline tells whether there was a connection', () => {
  assert.match(lateText('Deadline exceeded after 5.001s,Waiting for LB pick', 'NODE'), /no connection to NODE/)
  assert.equal(
    lateText('Deadline exceeded after 5.001s,LB pick: 0.001s,remote_addr=127.0.0.1:7', 'NODE'),
    'the time given to the call ran out',
  )
})
