import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { type FaultContext, lasting, lengthOf, nodeFor } from './fault.ts'

const run = promisify(execFile)

/** Stops a node's process and continues it: what it had to do by then it does late. */
export const stopNode = async (context: FaultContext, signal: AbortSignal): Promise<boolean> => {
  const pid = context.cluster.pid(nodeFor(context))
  if (pid === undefined) return false
  process.kill(pid, 'SIGSTOP')
  await lasting(lengthOf(context, true), signal)
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // Killed meanwhile.
  }
  return true
}

/**
 * Errors of system calls, as `strace` injects them. Sockets and pipes use none of these calls. Writes of LMDB's pages are
 * left alone: where one fails LMDB overruns a buffer, and so the store makes room on the disk before.
 */
const injections = [
  ['fdatasync,fsync:error=EIO'],
  ['fdatasync,fsync:error=EIO:when=2+3'],
  ['fdatasync:error=EIO:when=3+5', 'rename:error=EIO:when=1+2'],
  ['fsync,rename:error=ENOSPC'],
] as const

/** Time for `strace` to end by itself. */
const DETACH_MS = 1000

/** Ends `strace`, which lets its process go on as before. Where that is killed meanwhile, `strace` may wait for ever. */
const detach = async (tracer: ChildProcess): Promise<void> => {
  if (tracer.exitCode !== null || tracer.signalCode !== null) return
  const gone = once(tracer, 'exit')
  tracer.kill('SIGTERM')
  const timer = setTimeout(() => tracer.kill('SIGKILL'), DETACH_MS)
  await gone
  clearTimeout(timer)
}

/** The node's disk refuses writes and syncs for a while. */
export const failDisk = async (context: FaultContext, signal: AbortSignal): Promise<boolean> => {
  const pid = context.cluster.pid(nodeFor(context))
  if (pid === undefined) return false
  const injected = injections[context.draws.below(injections.length)]!
  const calls = injected.flatMap((each) => each.split(':')[0]!.split(','))
  const args = [
    '-f',
    '-p',
    `${pid}`,
    '-o',
    '/dev/null',
    '-e',
    `trace=${[...new Set(calls)].join()}`,
    ...injected.flatMap((each) => ['-e', `inject=${each}`]),
  ]
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const failed = new Promise<false>((resolve) => tracer.once('error', () => resolve(false)).once('exit', () => resolve(false)))
  const attached = new Promise<true>((resolve) => tracer.stderr.on('data', () => resolve(true)))
  if (!(await Promise.race([attached, failed]))) return false
  await Promise.race([lasting(lengthOf(context), signal), failed])
  await detach(tracer)
  return true
}

/** The disk of the node that has one of its own is full for a while, or nearly. */
export const fillDisk = async (context: FaultContext, signal: AbortSignal): Promise<boolean> => {
  const { disk, draws } = context
  if (disk === undefined) return false
  disk.fill(draws.below(3) * 256 * 1024)
  await lasting(lengthOf(context), signal)
  disk.free()
  return true
}

/** So many connections are opened to a node that has no descriptors left. */
const KNOCKS = 12
const limitsOf = async (pid: number): Promise<readonly [soft: string, hard: string]> => {
  const found = /^Max open files\s+(\S+)\s+(\S+)/m.exec(await readFile(`/proc/${pid}/limits`, 'utf8'))
  return [found?.[1] ?? '1024', found?.[2] ?? '1024']
}

/** Leaves a node no file descriptors, or hardly any, for a while. */
export const takeDescriptors = async (context: FaultContext, signal: AbortSignal): Promise<boolean> => {
  const { cluster, draws } = context
  const node = nodeFor(context)
  const pid = cluster.pid(node)
  if (pid === undefined) return false
  const sockets: Socket[] = []
  try {
    const [soft, hard] = await limitsOf(pid)
    // The limit is on the numbers of descriptors: below the first that is not in use none is free.
    const used = new Set(await readdir(`/proc/${pid}/fd`))
    let free = 0
    while (used.has(`${free}`)) free++
    await run('prlimit', [`--pid=${pid}`, `--nofile=${free + draws.below(4)}:${hard}`])
    const port = Number(cluster.address(node).split(':').at(-1))
    for (let count = 0; count < KNOCKS; count++) sockets.push(connect(port, '127.0.0.1').on('error', () => undefined))
    await lasting(lengthOf(context), signal)
    await run('prlimit', [`--pid=${pid}`, `--nofile=${soft}:${hard}`])
    return true
  } catch {
    // No prlimit here, or the node was killed meanwhile.
    return false
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}
