import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerHttp2Session } from 'node:http2'
import { test } from 'node:test'
import { newCallId, objectId, siteName, typeName } from '../../src/core/ids.ts'
import { grpcTransport } from '../../src/link/grpc-transport.ts'
import { failing } from '../contracts/transport.ts'

test('a client asks a silent node whether it is there, and ends its calls where no answer comes', { timeout: 60_000 }, async (t) => {
  const server = createServer()
  const sessions: ServerHttp2Session[] = []
  server.on('session', (session) => sessions.push(session))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  // Before the transport is made, so that its timers are these.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const transport = grpcTransport(`127.0.0.1:${address.port}`, siteName('node'))
  t.after(() => transport.close())
  const arrived = once(server, 'stream')
  const call = failing(
    transport.call({
      type: typeName('site'),
      object: objectId('main'),
      method: 'stats',
      kind: 'movable',
      args: [],
      context: { callId: newCallId(), chain: [] },
    }),
    'unavailable',
  )
  await arrived
  const [session] = sessions
  assert.ok(session !== undefined)
  const asked = once(session, 'ping')
  t.mock.timers.tick(30_000)
  await asked
  // Its answer is on the way, and comes too late.
  t.mock.timers.tick(20_000)
  await call
})
