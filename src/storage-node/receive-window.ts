import type { Http2Server } from 'node:http2'
import type { Server } from '@grpc/grpc-js'
import { channelOptions } from '../wire/protocol.ts'

/**
 * Lets clients have more than 64 KiB of arguments on their way, for each stream and connection. grpc-js widens what
 * a client receives, and not what a server does: an upload then makes 64 KiB a round trip, which is 3 MB/s where
 * that takes 20 ms, and less where many small calls go beside it.
 * @param server listens already
 */
export const widenReceiveWindow = (server: Server): void => {
  // No public way leads there. Without it the node is slower, and right; a test says when it no longer works.
  const listening: unknown = Reflect.get(server, 'http2Servers')
  if (!(listening instanceof Map)) return
  const bytes = channelOptions['grpc-node.flow_control_window']
  for (const one of listening.keys() as Iterable<Http2Server>) {
    one.updateSettings({ initialWindowSize: bytes })
    one.on('session', (session) => session.setLocalWindowSize(bytes))
  }
}
