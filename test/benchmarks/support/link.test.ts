import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createPacer, createShaper, startLink } from '../../../benchmarks/support/link.ts'

const shape = { rttMs: 40, bitsPerSecond: 50e6 }

test('one byte each way takes one round trip', () => {
  let time = 100
  const now = () => time
  time = createPacer(shape, now).book(1)
  time = createPacer(shape, now).book(1)
  assert.ok(time - 100 >= 40 && time - 100 < 40.01)
})

test('2 MB at 50 Mbit/s take 320 ms and half a round trip, however they are cut and whoever sends them', () => {
  for (const piece of [1_000, 50_000, 2_000_000]) {
    const line = createPacer(shape, () => 0)
    let last = 0
    for (let sent = 0; sent < 2_000_000; sent += piece) {
      const due = line.book(piece)
      assert.ok(due > last)
      last = due
    }
    assert.ok(Math.abs(last - 340) < 0.01)
  }
})

test('an idle line saves up nothing', () => {
  let time = 0
  const line = createPacer(shape, () => time)
  line.book(1_000)
  time = 10_000
  assert.ok(Math.abs(line.book(6_250) - 10_021) < 0.01)
})

const listening = async (serve: (socket: Socket) => void): Promise<{ server: Server; address: string }> => {
  const server = createServer({ allowHalfOpen: true }, serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const dial = (address: string): Socket => connect({ host: '127.0.0.1', port: Number(address.split(':')[1]), allowHalfOpen: true })

test('bytes arrive whole, in order and counted, after the sender has closed its half', async (context) => {
  // Answers only when the other side has ended: so this needs a correct half-close.
  const { server, address } = await listening((socket) => {
    const parts: Buffer[] = []
    socket.on('data', (part: Buffer) => parts.push(part)).on('end', () => socket.end(Buffer.concat(parts)))
  })
  const link = await startLink({ shaper: createShaper({ rttMs: 10, bitsPerSecond: 400e6 }), to: address })
  context.after(async () => {
    await link.close()
    server.close()
  })
  const sent = [randomBytes(1_500_000), randomBytes(10)]
  const began = performance.now()
  const received = await Promise.all(
    sent.map(async (bytes) => {
      const socket = dial(link.address)
      socket.end(bytes)
      return Buffer.concat((await socket.toArray()) as Buffer[])
    }),
  )
  const took = performance.now() - began
  assert.ok(received.every((bytes, index) => bytes.equals(sent[index] ?? Buffer.alloc(0))))
  assert.deepEqual(link.stats(), { bytesUp: 1_500_010, bytesDown: 1_500_010, connections: 2 })
  // 30 ms of sending each way and one round trip; no upper bound, since the machine may be busy.
  assert.ok(took >= 65, `${took} ms`)
})

test('a receiver that does not read holds the sender back', async (context) => {
  const accepted: Socket[] = []
  const { server, address } = await listening((socket) => accepted.push(socket.pause()))
  const link = await startLink({ shaper: createShaper({ rttMs: 8, bitsPerSecond: 10e9 }), to: address })
  const socket = dial(link.address)
  context.after(async () => {
    socket.destroy()
    for (const each of accepted) each.destroy()
    await link.close()
    server.close()
  })
  // Far more than the kernel's buffers and the link's own hold together.
  const all = 96 * 1024 * 1024
  // In pieces, slower than the line is: it never fills by itself.
  for (let sent = 0; sent < all; sent += 65_536) {
    socket.write(Buffer.alloc(65_536))
    await new Promise(setImmediate)
  }
  let before = -1
  while (before <= 0 || link.stats().bytesUp !== before) {
    before = link.stats().bytesUp
    await pause(300)
  }
  assert.ok(before > 0 && before < all / 2, `${before} bytes`)
})

test('a cut link drops its connections and lets none through until it is restored', async (context) => {
  const { server, address } = await listening((socket) => socket.on('error', () => {}).pipe(socket))
  const link = await startLink({ shaper: createShaper({ rttMs: 1, bitsPerSecond: 1e9 }), to: address })
  context.after(async () => {
    await link.close()
    server.close()
  })
  const echoed = async (socket: Socket): Promise<boolean> => {
    socket.on('error', () => {})
    socket.write('x')
    const answer = await Promise.race([once(socket, 'data').catch(() => undefined), once(socket, 'close').then(() => undefined)])
    return answer !== undefined
  }
  const socket = dial(link.address)
  assert.ok(await echoed(socket))
  const dropped = once(socket, 'end')
  link.cut()
  await dropped
  socket.destroy()
  const refused = dial(link.address)
  refused.on('end', () => refused.destroy())
  assert.ok(!(await echoed(refused)))
  link.restore()
  const again = dial(link.address)
  assert.ok(await echoed(again))
  again.destroy()
})
