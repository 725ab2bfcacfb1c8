import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Http2Session } from 'node:http2'
import { test } from 'node:test'
import { createConnections } from '../../../src/storage-node/front/connections.ts'

const session = (address: string, destroyed: string[], name: string): Http2Session => {
  const made = Object.assign(new EventEmitter(), {
    socket: { remoteAddress: address },
    destroyed: false,
    destroy() {
      destroyed.push(name)
      made.emit('close')
    },
  })
  return made as unknown as Http2Session
}

test('beyond the limit a connection without streams gives way, of the address that has most', () => {
  const destroyed: string[] = []
  const connections = createConnections(3)
  for (const [name, address] of [
    ['a', '10.0.0.1'],
    ['b', '10.0.0.2'],
    ['c', '10.0.0.2'],
    ['d', '10.0.0.3'],
  ] as const)
    connections.open(session(address, destroyed, name))
  assert.deepEqual(destroyed, ['b'])
})

test('where all connections have streams the new one is closed', () => {
  const destroyed: string[] = []
  const connections = createConnections(1)
  const first = session('10.0.0.1', destroyed, 'first')
  connections.open(first)
  connections.of(first).streams++
  connections.open(session('10.0.0.2', destroyed, 'second'))
  assert.deepEqual(destroyed, ['second'])
})

test('a connection whose streams have to give way again and again is closed', () => {
  const destroyed: string[] = []
  const connections = createConnections(2)
  const one = session('10.0.0.1', destroyed, 'one')
  connections.open(one)
  for (let i = 0; i < 100; i++) connections.of(one).strike()
  assert.deepEqual(destroyed, [])
  for (let i = 0; i < 100 && destroyed.length === 0; i++) connections.of(one).strike()
  assert.deepEqual(destroyed, ['one'])
})
