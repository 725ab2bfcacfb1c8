import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { type Link, startLink } from './links.ts'

const dial = (address: string): Socket => connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => undefined)

/** A link to an echo, and a connection over it that has worked once. */
const linked = async (t: TestContext): Promise<{ link: Link; socket: Socket; said: () => string }> => {
  const far = new Set<Socket>()
  const server = createServer((socket) => {
    far.add(socket)
    socket.on('error', () => undefined)
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const link = await startLink(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  const socket = dial(link.address)
  let heard = ''
  socket.on('data', (bytes) => (heard += bytes.toString()))
  t.after(async () => {
    socket.destroy()
    await link.close()
    for (const end of far) end.destroy()
    server.close()
  })
  socket.write('a')
  await once(socket, 'data')
  return { link, socket, said: () => heard }
}
/** Answered when what was sent before, on another connection, must have come as far as it does. */
const roundTrip = async (t: TestContext) => {
  const { socket } = await linked(t)
  socket.write('b')
  await once(socket, 'data')
}

void suite('a link of a crash run', () => {
  test('that stalls keeps what is sent, and delivers it when it is healed', async (t) => {
    const { link, socket, said } = await linked(t)
    link.set('stalled')
    socket.write('kept')
    await roundTrip(t)
    assert.equal(said(), 'a')
    link.heal()
    while (said() !== 'akept') await once(socket, 'data')
  })

  test('that swallows drops what is sent without a word, and resets the connection when it is healed', async (t) => {
    const { link, socket, said } = await linked(t)
    link.set('swallowing', ['up'])
    socket.write('lost')
    await roundTrip(t)
    assert.equal(said(), 'a')
    assert.equal(socket.destroyed, false)
    // The bytes have been taken off the socket by then.
    while (socket.bytesWritten < 5) await once(socket, 'drain')
    link.heal()
    await once(socket, 'close')
    const again = dial(link.address)
    t.after(() => again.destroy())
    again.write('c')
    const [bytes]: Buffer[] = await once(again, 'data')
    assert.equal(bytes?.toString(), 'c')
  })

  test('that is cut closes its connections and takes no others until it is healed', async (t) => {
    const { link, socket } = await linked(t)
    link.set('cut')
    await once(socket, 'close')
    await once(dial(link.address), 'close')
    link.heal()
    const again = dial(link.address)
    t.after(() => again.destroy())
    again.write('c')
    await once(again, 'data')
  })
})
