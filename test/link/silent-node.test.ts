import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as dial, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, test, type TestContext } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ActiveStorageError, type Client, type Code, connect, type ConnectOptions, site, withCall } from '../../src/index.ts'
import { fixedAddress } from '../crash/node.ts'
import { startNodeProcess } from '../storage-node/node-process.ts'
import { temporaryFolder } from '../storage-node/support.ts'
import { waiting } from './waiting-object.ts'

const DEADLINE_MS = 1500
/** Of calls that a node has to hear before it falls silent, however busy the machine is. */
const HEARD_MS = 10_000
/** What may come on top, by timers of this process. */
const MARGIN_MS = 2500
/** The most time of a client's first contact with a site. */
const CONTACT_MS = 5000

const silent: readonly Code[] = ['deadline-exceeded', 'unavailable']

const TURNS = 50
/**
 * Settles before a timer of this process that is set now, as its own timers do where they are in time: on a machine that is
 * busy with other things all of them are late, and stay in order.
 */
const within = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  const ended = new AbortController()
  const late = async (): Promise<never> => {
    await pause(ms, undefined, { signal: ended.signal })
    for (let turn = 0; turn < TURNS; turn++) await nextTurn()
    return assert.fail(`not within ${ms} ms`)
  }
  try {
    return await Promise.race([work, late()])
  } finally {
    ended.abort()
  }
}

/** Fails in one of these ways, and in time. */
const fails = async (work: Promise<unknown>, codes = silent, withinMs = DEADLINE_MS + MARGIN_MS): Promise<ActiveStorageError> => {
  const thrown = work.then(
    () => assert.fail('it went well'),
    (error: unknown) => error,
  )
  const error: unknown = await within(thrown, withinMs)
  assert.ok(error instanceof ActiveStorageError, String(error))
  assert.ok(codes.includes(error.code), `${codes.join(' or ')} was expected: ${error.message}`)
  assert.match(error.message, /^\[[a-z-]+\] ./)
  return error
}

const addressOf = (server: ReturnType<typeof createServer>): string => {
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `127.0.0.1:${address.port}`
}

const nodeWith = (t: TestContext, ...args: readonly string[]) =>
  startNodeProcess(t, ['--data', temporaryFolder(t), '--objects', fileURLToPath(new URL('./waiting-object.ts', import.meta.url)), ...args])

/** A client of a site that may be silent from the start, and its two kinds of call with a deadline. */
const clientOf = async (t: TestContext, address: string, options: ConnectOptions = {}) => {
  const client = await connect({ sites: { node: { role: 'node', address } }, onWarning: () => undefined, ...options })
  t.after(() => client.close())
  return { client, ...callsOf(client) }
}
const callsOf = (client: Client) => {
  const object = withCall(client.object(waiting, 'main'), { place: 'node' })
  const timed = withCall(object, { timeoutMs: DEADLINE_MS })
  const heard = withCall(object, { timeoutMs: HEARD_MS })
  return {
    object,
    timed,
    /** A call and a stream that the node hears. */
    hold: () => heard.hold(),
    heardStream: () => heard.holdAfterOne()[Symbol.asyncIterator](),
    stream: () => timed.holdAfterOne()[Symbol.asyncIterator](),
  }
}

/** Calls again and again, as a loop that lives through an outage would; ends well or with the test. */
const recovers = async (call: () => Promise<unknown>): Promise<void> => {
  const until = performance.now() + 300_000
  for (;;) {
    try {
      return void (await call())
    } catch (error) {
      assert.ok(error instanceof ActiveStorageError && silent.includes(error.code), String(error))
      if (performance.now() > until) throw error
      await pause(100)
    }
  }
}

const freeze = (child: ChildProcess) => child.kill('SIGSTOP')
const thaw = (child: ChildProcess) => child.kill('SIGCONT')

/** Forwards to an address, and tells when so many bytes have gone there. */
const relayTo = async (t: TestContext, address: string, bytes: number) => {
  const sockets = new Set<Socket>()
  let sent = 0
  let told = () => undefined as void
  const passed = new Promise<void>((resolve) => (told = resolve))
  const server = createServer((near) => {
    const far = dial(Number(address.split(':')[1]), '127.0.0.1')
    near.on('data', (data) => {
      sent += data.length
      if (sent >= bytes) told()
    })
    near.pipe(far).pipe(near)
    for (const end of [near, far]) {
      sockets.add(end)
      end.on('error', () => undefined)
      end.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: addressOf(server), passed }
}

void suite('a node that is killed', () => {
  test('in the middle of a call and of a stream: both are unavailable at once, and a node started again is found', async (t) => {
    const data = temporaryFolder(t)
    const node = await nodeWith(t, '--data', data, '--listen', await fixedAddress([]))
    const { hold, heardStream, object, timed } = await clientOf(t, node.address)
    const items = heardStream()
    assert.deepEqual(await items.next(), { done: false, value: 1 })
    const call = hold()
    await object.held(1)
    node.child.kill('SIGKILL')
    await Promise.all([fails(call, ['unavailable']), fails(items.next(), ['unavailable'])])

    await nodeWith(t, '--data', data, '--listen', node.address)
    await recovers(() => timed.nothing())
  })

  test('in the middle of a 64 MiB upload', async (t) => {
    const node = await nodeWith(t)
    const relay = await relayTo(t, node.address, 4 * 1024 ** 2)
    const { timed } = await clientOf(t, relay.address)
    const upload = withCall(timed, { timeoutMs: 60_000 }).size(new Uint8Array(64 * 1024 ** 2))
    await relay.passed
    node.child.kill('SIGKILL')
    await fails(upload, silent)
  })
})

void suite('a node that is frozen', { concurrency: 3 }, () => {
  test('in the middle of a call and of a stream: both end at their deadline, and the client goes on when the node does', async (t) => {
    const node = await nodeWith(t)
    const { hold, stream, heardStream, object, timed } = await clientOf(t, node.address)
    const items = heardStream()
    assert.deepEqual(await items.next(), { done: false, value: 1 })
    const call = hold()
    await object.held(1)
    freeze(node.child)
    await Promise.all([call, items.next()].map((work) => fails(work, ['deadline-exceeded'], HEARD_MS + MARGIN_MS)))
    // And calls that begin now.
    await Promise.all([fails(timed.nothing()), fails(stream().next())])
    thaw(node.child)
    await recovers(() => timed.nothing())
    const again = object.holdAfterOne()[Symbol.asyncIterator]()
    assert.deepEqual(await again.next(), { done: false, value: 1 })
    await again.return?.()
  })

  test('in the middle of a 64 MiB upload', async (t) => {
    const node = await nodeWith(t)
    const relay = await relayTo(t, node.address, 4 * 1024 ** 2)
    const { timed } = await clientOf(t, relay.address)
    const upload = withCall(timed, { timeoutMs: HEARD_MS }).size(new Uint8Array(64 * 1024 ** 2))
    await relay.passed
    freeze(node.child)
    await fails(upload, ['deadline-exceeded'], HEARD_MS + MARGIN_MS)
    thaw(node.child)
    await recovers(() => withCall(timed, { timeoutMs: 10_000 }).size(new Uint8Array(1024 ** 2)))
  })

  test('before a client connects: connect says so within its time, by address and by name', async (t) => {
    const node = await nodeWith(t, '--name', 'edge')
    freeze(node.child)
    const refused = fails(connect({ node: node.address }), ['unavailable'], CONTACT_MS + MARGIN_MS)
    const { timed } = await clientOf(t, node.address, { sites: { edge: { role: 'node', address: node.address } } })
    assert.match((await refused).message, /does not answer .*active-storage node/)
    await Promise.all([
      fails(withCall(timed, { place: 'edge' }).nothing()),
      fails(withCall(timed, { place: 'edge' }).size(new Uint8Array(9))),
    ])
    await fails(withCall(timed, { place: 'edge' }).holdAfterOne()[Symbol.asyncIterator]().next())
    thaw(node.child)
    await recovers(() => withCall(timed, { place: 'edge' }).nothing())
  })

  test('many calls: each ends in time, the later ones at once', async (t) => {
    const node = await nodeWith(t)
    const { client, timed } = await clientOf(t, node.address)
    freeze(node.child)
    const up = () => client.links().find(({ site: name }) => name === 'node')?.up
    // Silence has to last before it counts against a site.
    for (let round = 0; up() === true && round < 4; round++) await Promise.all(Array.from({ length: 20 }, () => fails(timed.nothing())))
    assert.equal(up(), false)
    await fails(timed.nothing(), ['unavailable'], 500)
    thaw(node.child)
    await recovers(() => timed.nothing())
  })

  test('the command line ends with the exit code of the deadline, and says why', async (t) => {
    const node = await nodeWith(t)
    freeze(node.child)
    const run = async (...args: string[]) => {
      const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
      const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args, '--node', node.address, '--timeout', '1'])
      t.after(() => child.kill('SIGKILL'))
      const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')])
      return { code: child.exitCode, stderr }
    }
    const commands = [
      ['ls'],
      ['stats'],
      ['describe'],
      ['call', 'waiting', 'main', 'nothing'],
      ['call', 'waiting', 'main', 'holdAfterOne', '--stream'],
    ]
    await Promise.all(
      commands.map(async (args) => {
        const { code, stderr } = await run(...args)
        assert.equal(code, 5, `${args.join(' ')}: ${stderr}`)
        assert.match(stderr, /\[deadline-exceeded\] ./)
        assert.doesNotMatch(stderr, /^\s+at /m)
      }),
    )
  })
})

/** Addresses at which nobody answers, each in another way. */
const nowhere: Readonly<Record<string, (t: TestContext) => Promise<string>>> = {
  'nobody listens': () => fixedAddress([]),
  'connections are taken and nothing is ever said': async (t) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return addressOf(server)
  },
  // With a full queue of connections the kernel drops what knocks, as a network that loses everything would.
  'packets are dropped': async (t) => {
    const code = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const [line]: Buffer[] = await once(child.stdout, 'data')
    const port = Number(line?.toString())
    freeze(child)
    const knocks = Array.from({ length: 6 }, () => {
      const socket = dial(port, '127.0.0.1')
      socket.on('error', () => undefined)
      t.after(() => socket.destroy())
      return socket
    })
    // The queue holds two; who comes after them is not heard.
    await Promise.all(knocks.slice(0, 2).map((socket) => once(socket, 'connect')))
    return `127.0.0.1:${port}`
  },
}

void suite('an address where', { concurrency: 3 }, () => {
  for (const [name, open] of Object.entries(nowhere)) {
    test(name, async (t) => {
      const address = await open(t)
      const refused = fails(connect({ node: address }), ['unavailable'], CONTACT_MS + MARGIN_MS)
      const { client, timed, stream } = await within(clientOf(t, address), CONTACT_MS + MARGIN_MS)
      await refused
      await Promise.all([fails(timed.nothing()), fails(stream().next()), fails(timed.size(new Uint8Array(8 * 1024 ** 2)))])
      await fails(withCall(client.object(site, 'main', { at: 'node' }), { timeoutMs: DEADLINE_MS, place: 'node' }).stats())
    })
  }
})
