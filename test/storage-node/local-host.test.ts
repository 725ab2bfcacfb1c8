import { createLocalHost } from '../../src/storage-node/local-host.ts'
import { transportContract } from '../contracts/transport.ts'

transportContract('a host in process', (t, objects) => {
  const host = createLocalHost({ objects })
  t.after(() => host.close())
  return Promise.resolve(host)
})
