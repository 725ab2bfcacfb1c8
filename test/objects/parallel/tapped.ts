import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'

/** A way to an address that keeps what goes over it, in each direction. */
export const tapped = async (t: TestContext, address: string) => {
  const [host = '', port = ''] = address.split(':')
  const kept = { there: [] as Buffer[], back: [] as Buffer[] }
  const server = createServer((near) => {
    const far = connect(Number(port), host)
    near.on('data', (bytes) => kept.there.push(Buffer.from(bytes)))
    far.on('data', (bytes) => kept.back.push(Buffer.from(bytes)))
    near.pipe(far).pipe(near)
    for (const [one, other] of [[near, far], [far, near]] as const) one.on('error', () => other.destroy()).on('close', () => other.destroy()) // prettier-ignore
    t.after(() => near.destroy())
  })
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const own = server.address()
  return {
    address: `127.0.0.1:${typeof own === 'object' ? own?.port : 0}`,
    there: () => Buffer.concat(kept.there),
    back: () => Buffer.concat(kept.back),
  }
}
