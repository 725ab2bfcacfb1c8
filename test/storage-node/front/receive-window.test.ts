import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { channelOptions } from '../../../src/wire/protocol.ts'
import { startNode } from '../support.ts'

test('a client may have as much on its way to a node as a node to a client', async (t) => {
  const node = await startNode(t)
  const session = connect(`http://${node.address}`)
  t.after(() => session.close())
  await once(session, 'remoteSettings')
  // What the node sent before its answer to this has come as well.
  await new Promise((resolve) => session.ping(resolve))
  const bytes = channelOptions['grpc-node.flow_control_window']
  assert.equal(session.remoteSettings.initialWindowSize, bytes)
  assert.ok((session.state.remoteWindowSize ?? 0) >= bytes, `${session.state.remoteWindowSize}`)
})
