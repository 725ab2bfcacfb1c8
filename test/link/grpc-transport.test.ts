import assert from 'node:assert/strict'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { siteName } from '../../src/core/ids.ts'
import type { CallReport } from '../../src/core/transport.ts'
import { site as siteType } from '../../src/objects/site.ts'
import { grpcTransport } from '../../src/link/grpc-transport.ts'
import { createProbe } from '../contracts/probe.ts'
import { failing, transportContract } from '../contracts/transport.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../storage-node/support.ts'

transportContract('gRPC to a storage node', async (t, objects) => linkTo(t, (await startNode(t, { objects })).address))

/** Forwards to a node, counts what comes by each connection, and can hold back the answers of large ones. */
const startRelay = async (t: TestContext, target: string) => {
  const port = Number(target.split(':').at(-1))
  const { connect } = await import('node:net')
  const links: { toNode: number; toClient: number; socket: Socket }[] = []
  const server: Server = createServer((socket) => {
    const link = { toNode: 0, toClient: 0, socket }
    links.push(link)
    const node = connect(port, '127.0.0.1')
    socket.on('data', (data) => (link.toNode += data.length))
    node.on('data', (data) => (link.toClient += data.length))
    socket.pipe(node).pipe(socket)
    for (const end of [socket, node]) {
      end.on('error', () => undefined)
      end.on('close', () => {
        socket.destroy()
        node.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const { socket } of links) socket.destroy()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { address: `127.0.0.1:${address.port}`, links }
}

test('large arguments go by a connection of their own, beside which small calls are answered', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const relay = await startRelay(t, node.address)
  const main = remote(linkTo(t, relay.address), type)
  await main.nothing()
  assert.equal(relay.links.length, 1)
  const [control] = relay.links
  const before = control!.toNode

  await main.echo(new Uint8Array(8 * 1024 ** 2))
  assert.equal(relay.links.length, 2)
  assert.ok(relay.links[1]!.toNode > 8 * 1024 ** 2)
  assert.ok(control!.toNode - before < 100_000, 'the bulk went by the connection of small calls')

  // With the bulk connection stopped dead, small calls still go through.
  relay.links[1]!.socket.pause()
  const stuck = main.echo(new Uint8Array(32 * 1024 ** 2))
  await main.nothing()
  await main.nothing()
  relay.links[1]!.socket.resume()
  const [back] = await stuck
  assert.ok(back instanceof Uint8Array && back.byteLength === 32 * 1024 ** 2)
  assert.equal(seen.ran, 3)
})

test('a method whose last result was large is called by the bulk connection', async (t) => {
  const { type } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const relay = await startRelay(t, node.address)
  const main = remote(linkTo(t, relay.address), type)
  const read = async () => {
    let total = 0
    for await (const block of main.blocks(2, 1024 ** 2)) total += block.byteLength
    return total
  }
  assert.equal(await read(), 2 * 1024 ** 2)
  const byControl = relay.links[0]!.toClient
  assert.ok(byControl > 2 * 1024 ** 2)
  assert.equal(await read(), 2 * 1024 ** 2)
  assert.equal(relay.links.length, 2)
  assert.ok(relay.links[1]!.toClient > 2 * 1024 ** 2)
  assert.ok(relay.links[0]!.toClient - byControl < 100_000)
})

test('a report counts the bytes of arguments and results, chunks included', async (t) => {
  const { type } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const reports: CallReport[] = []
  const main = remote(linkTo(t, node.address), type, 'main', { onReport: (report) => reports.push(report) })
  await main.echo(new Uint8Array(500_000))
  const [report] = reports
  assert.ok(report !== undefined && report.bytesSent >= 500_000 && report.bytesSent < 500_100, String(report?.bytesSent))
  assert.ok(report.bytesReceived >= 500_000 && report.bytesReceived < 500_100, String(report.bytesReceived))
  assert.equal(report.site, 'node')
})

test('a node that is not there is unavailable', async (t) => {
  const { type } = createProbe()
  // A port that was free a moment ago.
  const node = await startNode(t, { data: temporaryFolder(t) })
  await node.close()
  const error = await failing(remote(linkTo(t, node.address), type).nothing(), 'unavailable')
  assert.equal(error.origin.site, 'node')
  assert.equal(
    error.text,
    `cannot reach the node at ${node.address}: nothing listens there; start the node with "active-storage node", or correct the address`,
  )
})

test('a node that dies in the middle of a call is unavailable', async (t) => {
  const { type, seen } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const relay = await startRelay(t, node.address)
  const main = remote(linkTo(t, relay.address), type)
  const call = main.wait()
  const stream = main.waitAfterOne()[Symbol.asyncIterator]()
  assert.deepEqual(await stream.next(), { done: false, value: 1 })
  await seen.waiting.promise
  for (const { socket } of relay.links) socket.destroy()
  await failing(call, 'unavailable')
  await failing(stream.next(), 'unavailable')
  // The node learns of it too, and stops the work.
  assert.equal(await seen.aborted.promise, 'cancelled')
})

test('something that is no storage node is told apart', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const { type } = createProbe()
  const error = await failing(remote(linkTo(t, `127.0.0.1:${address.port}`), type, 'main', { timeoutMs: 2000 }).nothing(), 'unavailable')
  assert.match(error.text, /what listens there speaks no gRPC/)
})

test('a connection by a proxy goes through it, and its error names the variable', async (t) => {
  const asked: (string | undefined)[] = []
  const proxy = createHttpServer()
  proxy.on('connect', ({ url }, socket) => {
    asked.push(url)
    socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  const address = proxy.address()
  assert.ok(typeof address === 'object' && address !== null)
  const before = process.env['https_proxy']
  process.env['https_proxy'] = `http://127.0.0.1:${address.port}`
  t.after(() => (before === undefined ? delete process.env['https_proxy'] : (process.env['https_proxy'] = before)))
  const { type } = createProbe()
  const error = await failing(remote(linkTo(t, 'edge.invalid:7070'), type, 'main', { timeoutMs: 5000 }).nothing(), 'unavailable')
  assert.equal(asked[0], 'edge.invalid:7070')
  assert.match(
    error.text,
    /edge\.invalid:7070 by way of the proxy 127\.0\.0\.1:\d+, which https_proxy names; add edge\.invalid to no_proxy/,
  )
  // This machine is reached without it.
  const node = await startNode(t, { objects: [type] })
  await remote(linkTo(t, node.address), type).nothing()
  assert.ok(asked.every((url) => url === 'edge.invalid:7070'))
})

test('a closed link refuses calls', async (t) => {
  const { type } = createProbe()
  const node = await startNode(t, { objects: [type] })
  const transport = grpcTransport(node.address, siteName('node'))
  await remote(transport, type).nothing()
  await transport.close()
  await failing(remote(transport, type).nothing(), 'unavailable')
})

test('a timeout that is no number is refused, and one of many days ends nothing early', async (t) => {
  const node = await startNode(t)
  const echo = (timeoutMs: number) => remote(linkTo(t, node.address), siteType, 'main', { timeoutMs }).echo('x')
  await failing(echo(Number.NaN), 'invalid-argument')
  for (const timeoutMs of [2 ** 31 - 1, 2 ** 31, 30 * 24 * 3600_000, Number.MAX_SAFE_INTEGER]) assert.equal(await echo(timeoutMs), 'x')
})
