import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { withCall } from '../../src/core/remote.ts'
import { site } from '../../src/objects/site.ts'
import { connect } from '../../src/sdk/connect.ts'
import { type AbuseName, abuses } from './abuses.ts'
import { askHealth } from './health.ts'
import { startBuiltNode } from './node.ts'
import { ask, type Asked, residentMib } from './watch.ts'

const abuser = fileURLToPath(new URL('./abuser.ts', import.meta.url))

/** What a node is held to, in MiB and ms. */
export const MEMORY_MIB = 128
export const MOST_MIB = MEMORY_MIB + 64
export const MOST_MS = 1000

export interface Verdict {
  readonly name: AbuseName
  readonly restMib: number
  readonly peakMib: number
  readonly health: Asked
  readonly small: Asked
  /** What is wrong, empty where nothing is. */
  readonly wrong: readonly string[]
}

const judged = (told: Omit<Verdict, 'wrong'>, lived: boolean): Verdict => {
  const wrong = lived ? [] : ['the node ended']
  if (told.peakMib > MOST_MIB) wrong.push(`${Math.round(told.peakMib)} MiB`)
  for (const [what, { worstMs, failed, answers, lastError }] of [
    ['health', told.health],
    ['a small call', told.small],
  ] as const) {
    if (worstMs > MOST_MS) wrong.push(`${what} took ${Math.round(worstMs)} ms`)
    if (failed > 0) wrong.push(`${what} failed ${failed} of ${failed + answers} times: ${lastError.slice(0, 120)}`)
  }
  return { ...told, wrong }
}

/** Has a node abused, and another client ask it meanwhile. */
export const abuseRun = async (name: AbuseName, seconds: number): Promise<Verdict> => {
  await using node = await startBuiltNode(MEMORY_MIB, 'busy' in abuses[name])
  await using client = await connect({ node: node.address, policy: { yaml: 'version: 1\nstrategy: node\n' }, onWarning: () => undefined })
  await using health = askHealth(node.address)
  const small = withCall(client.object(site, 'main'), { timeoutMs: 5000 })
  await small.echo('small')
  await health.check()
  const restMib = residentMib(node.pid)
  let peakMib = restMib
  const child = spawn(process.execPath, ['--import', 'tsx', abuser, name, node.address, String(seconds)], { stdio: 'inherit' })
  // An abuser elsewhere would take less of this machine's processors.
  if (child.pid !== undefined) setPriority(child.pid, 5)
  let over = false
  const ended = once(child, 'exit').then(() => (over = true))
  const force = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + 10_000)
  const sampling = (async () => {
    for (; !over; await pause(100)) peakMib = Math.max(peakMib, residentMib(node.pid))
  })()
  const [asked, called] = await Promise.all([
    ask(() => over, health.check),
    ask(
      () => over,
      () => small.echo('small'),
    ),
    ended,
    sampling,
  ])
  clearTimeout(force)
  return judged({ name, restMib, peakMib, health: asked, small: called }, node.alive)
}
