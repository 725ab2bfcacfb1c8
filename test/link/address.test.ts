import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, parseAddress } from '../../src/link/address.ts'

test('an address is host:port, IPv6 in brackets', () => {
  const good: Record<string, [string, number]> = {
    'edge-7:7070': ['edge-7', 7070],
    '127.0.0.1:0': ['127.0.0.1', 0],
    '[::1]:7070': ['::1', 7070],
    'a.b.example:65535': ['a.b.example', 65535],
    'unix:7070': ['unix', 7070],
  }
  for (const [text, [host, port]] of Object.entries(good)) assert.deepEqual(parseAddress(text), { host, port })
})

test('anything else is refused, and the error says what to write', () => {
  const bad: Record<string, RegExp> = {
    '': /it is empty/,
    'edge-7': /write edge-7:7070/,
    localhost: /write localhost:7070/,
    '[::1]': /write \[::1\]:7070/,
    ':7070': /write 127\.0\.0\.1:7070/,
    '7070': /write 127\.0\.0\.1:7070/,
    'edge-7:': /another form/,
    'edge-7:x': /another form/,
    'edge-7:-1': /another form/,
    'edge-7:65536': /at most 65535/,
    'edge-7:123456789': /at most 65535/,
    '::1': /write \[::1\]:7070/,
    '::1:7070': /brackets; write .*\[::1\]:7070/,
    'http://edge-7:7070': /leave the scheme out: edge-7:7070/,
    'grpc://edge-7:7070/x': /leave the scheme and the path out: edge-7:7070/,
    'unix:/tmp/x': /unix sockets are not used/,
    'unix:///tmp/x': /unix sockets are not used/,
    'dns:///edge-7:7070': /leave the scheme/,
    'a b:1': /another form/,
    ' edge-7:7070': /write edge-7:7070/,
    'edge-7:7070\n': /spaces around it; write edge-7:7070/,
    '[::1:7070': /another form/,
    '[edge]:7070': /brackets hold an IPv6 address/,
    '300.1.1.1:7070': /no IPv4 address/,
    '1.2.3:7070': /no IPv4 address/,
  }
  for (const [text, message] of Object.entries(bad)) {
    assert.throws(() => parseAddress(text), { code: 'invalid-argument', message }, text)
    assert.throws(() => parseAddress(text), { message: /host:port/ }, text)
  }
})

test('loopback is told by name and by address', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'localhost.',
    'a.localhost',
    '127.0.0.1',
    '127.8.9.10',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
  ])
    assert.ok(isLoopback(host), host)
  for (const host of ['localhost.example', '128.0.0.1', '0.0.0.0', '::', '::2', '::ffff:10.0.0.1', 'edge-7', '127.0.0.1.example'])
    assert.ok(!isLoopback(host), host)
})
