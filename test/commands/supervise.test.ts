import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitAfter } from '../../src/commands/supervise.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { fixedAddress } from '../crash/node.ts'
import { loadCounter } from '../storage-node/load-objects.ts'
import { runNodeProcess } from '../storage-node/node-process.ts'
import { linkTo, remote, temporaryFolder } from '../storage-node/support.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const objects = fileURLToPath(new URL('../storage-node/load-objects.ts', import.meta.url))

const pidOf = (line: string): number => {
  const said: unknown = JSON.parse(line)
  assert.ok(typeof said === 'object' && said !== null && 'pid' in said && typeof said.pid === 'number', line)
  return said.pid
}
const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A supervised node, with the process ids of the nodes that it has started. */
const supervised = async (t: TestContext, data: string, address: string) => {
  const args = ['node', '--supervised', '--json', '--data', data, '--listen', address, '--threads', '1', '--objects', objects]
  const parent = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(parent, 'exit').then(([code, signal]: (number | string | null)[]) => code ?? signal)
  const pids: number[] = []
  const log: string[] = []
  const said = new EventEmitter()
  createInterface({ input: parent.stdout }).on('line', (line) => {
    pids.push(pidOf(line))
    said.emit('line')
  })
  createInterface({ input: parent.stderr }).on('line', (line) => {
    log.push(line)
    said.emit('line')
  })
  t.after(() => {
    parent.kill('SIGKILL')
    for (const pid of pids) if (isThere(pid)) process.kill(pid, 'SIGKILL')
  })
  const until = async (condition: () => boolean) => {
    const over = ended.then((how) => assert.fail(`the supervisor ended with ${how}: ${log.join('\n')}`))
    over.catch(() => undefined)
    while (!condition()) await Promise.race([once(said, 'line'), over])
  }
  await until(() => pids.length === 1)
  return { parent, ended, pids, log, until }
}

/** Adds one, however long the node is away: a call with a key may be made again. */
const persistent = async (t: TestContext, address: string, idempotencyKey: string): Promise<number> => {
  const call = remote(linkTo(t, address), loadCounter, 'main', { idempotencyKey, timeoutMs: 10_000 })
  const over = AbortSignal.timeout(30_000)
  for (;;) {
    try {
      return await call.add()
    } catch (error) {
      if (!isActiveStorageError(error, 'unavailable') || over.aborted) throw error
    }
  }
}

test('a node that is killed is started again on the same folder and port, and calls go on', { timeout: 600_000 }, async (t) => {
  const address = await fixedAddress([])
  const { parent, ended, pids, log, until } = await supervised(t, temporaryFolder(t), address)
  assert.equal(await persistent(t, address, 'key-0'), 1)
  for (let kill = 1; kill <= 2; kill++) {
    const pid = pids.at(-1) ?? assert.fail()
    assert.notEqual(pid, parent.pid)
    process.kill(pid, 'SIGKILL')
    assert.equal(await persistent(t, address, `key-${kill}`), kill + 1)
    await until(() => pids.length === kill + 1)
  }
  assert.equal(await persistent(t, address, 'key-1'), 2, 'a repeated call has its first result')
  assert.equal(log.length, 2, log.join('\n'))
  assert.match(log[0] ?? '', new RegExp(`^active-storage node: node process ${pids[0]} ended with SIGKILL .*: starting it again at once$`))
  // On a slow machine it may have lived for so long that its death counts as a first one.
  assert.match(log[1] ?? '', /in 100 ms$|after \d{2,}\.\d s: starting it again at once$/)

  parent.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.equal(isThere(pids.at(-1) ?? assert.fail()), false)
})

test('a node that is told to stop by itself is not started again', { timeout: 600_000 }, async (t) => {
  const { ended, pids, log } = await supervised(t, temporaryFolder(t), await fixedAddress([]))
  process.kill(pids[0] ?? assert.fail(), 'SIGTERM')
  assert.equal(await ended, 0)
  assert.deepEqual([pids.length, log], [1, []])
})

test('a node ends when its supervisor is killed, so that its folder is free', { timeout: 600_000 }, async (t) => {
  const data = temporaryFolder(t)
  const address = await fixedAddress([])
  const { parent, ended } = await supervised(t, data, address)
  assert.equal(await persistent(t, address, 'key'), 1)
  // Nobody but the node holds the other end of what it writes to.
  const { stdout } = parent
  parent.kill('SIGKILL')
  assert.equal(await ended, 'SIGKILL')
  await once(stdout, 'close')
  const again = await supervised(t, data, address)
  assert.equal(await persistent(t, address, 'key'), 1)
  again.parent.kill('SIGINT')
  assert.equal(await again.ended, 0)
})

test('a node that cannot be started as it is asked for is not tried again', { timeout: 600_000 }, async (t) => {
  const data = temporaryFolder(t)
  const held = await supervised(t, data, await fixedAddress([]))
  for (const [args, code, message] of [
    [['--data', data, '--listen', await fixedAddress([])], 7, /folder-in-use/],
    [['--data', temporaryFolder(t), '--listen', '0.0.0.0:7070'], 8, /--insecure/],
    [['--data', temporaryFolder(t), '--tier', 'moon', '--listen', '127.0.0.1:7070'], 2, /--tier moon/],
    [['--data', temporaryFolder(t), '--listen', '127.0.0.1:0'], 2, /give a port/],
  ] as const) {
    const ran = await runNodeProcess(t, ['--supervised', ...args])
    assert.equal(ran.code, code, ran.stderr)
    assert.match(ran.stderr, message)
    assert.doesNotMatch(ran.stderr, /starting it again/)
  }
  held.parent.kill('SIGTERM')
  assert.equal(await held.ended, 0)
})

test('deaths in quick succession make the next start wait, up to five seconds', () => {
  assert.deepEqual([1, 2, 3, 4, 7, 8, 9, 2000].map(waitAfter), [0, 100, 200, 400, 3200, 5000, 5000, 5000])
})
