import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
// Compiled or not, as this module is.
const [ending, hooks] = import.meta.url.endsWith('.ts') ? ['ts', ['--import', 'tsx']] : ['js', []]
const objects = fileURLToPath(new URL(`./objects.${ending}`, import.meta.url))
const substitute = fileURLToPath(new URL(`./mutants/substitute.${ending}`, import.meta.url))
/** The command line of the product, to be run in `root`. */
export const program = [...hooks, `src/cli.${ending}`]

/** A node as it is started again and again: the same folder, port and name. */
export interface NodeSpec {
  readonly name: string
  readonly data: string
  readonly address: string
  readonly peers: Readonly<Record<string, string>>
  readonly mutant: string | undefined
  /** Folder below which it writes backups. */
  readonly backups?: string
  /** Folder whose files it adopts. */
  readonly adopt?: string
}

/** One process of a node, from its start to its kill. */
export interface NodeLife {
  /** Resolves when the node says that it serves; never where it ends before. */
  readonly serving: Promise<void>
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  readonly killed: boolean
  readonly pid: number
  /** kill -9 */
  kill(): void
  /** What it said on stderr. */
  readonly said: string
}

export const startLife = ({ name, data, address, peers, mutant, backups, adopt }: NodeSpec): NodeLife => {
  const mutation = mutant === undefined ? [] : ['--import', substitute]
  const peerArgs = Object.entries(peers).flatMap(([peer, at]) => ['--peer', `${peer}=${at}`])
  const folders = [...(backups === undefined ? [] : ['--backups', backups]), ...(adopt === undefined ? [] : ['--adopt', adopt])]
  const nodeArgs = ['--json', '--name', name, '--data', data, '--listen', address, '--threads', '1', '--objects', objects]
  const child: ChildProcess = spawn(
    process.execPath,
    [...program.slice(0, -1), ...mutation, ...program.slice(-1), 'node', ...nodeArgs, ...peerArgs, ...folders],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', ...(mutant !== undefined && { CRASH_MUTANT: mutant }) },
    },
  )
  let killed = false
  let said = ''
  child.stderr?.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-10_000)))
  const gone = once(child, 'exit').then(() => undefined)
  const serving = new Promise<void>((resolve) => {
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', () => resolve())
  })
  return {
    serving,
    gone,
    pid: child.pid ?? 0,
    get killed() {
      return killed
    },
    kill() {
      killed = true
      child.kill('SIGKILL')
    },
    get said() {
      return said
    },
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/**
 * An address that stays the node's own while it is down: below the ports that the system gives out by itself, so that
 * no connection takes it meanwhile.
 */
export const fixedAddress = async (taken: readonly string[]): Promise<string> => {
  for (;;) {
    const port = 10_000 + Math.trunc(Math.random() * 20_000)
    const address = `127.0.0.1:${port}`
    if (!taken.includes(address) && (await isFree(port))) return address
  }
}
