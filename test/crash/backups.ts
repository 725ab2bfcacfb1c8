import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Draws } from '../../src/core/random.ts'
import { connect } from '../../src/sdk/connect.ts'
import { restoreBackup } from '../../src/storage-node/backup/restore.ts'
import { verifyStore } from '../../src/storage-node/verify/verify.ts'
import { createSession, emptyTally, type Epoch } from './callers.ts'
import type { NodeName } from './cluster.ts'
import type { MadeBackup } from './faults/fault.ts'
import { createTrouble } from './faults/trouble.ts'
import { fixedAddress, program, root, startLife } from './node.ts'
import { type Finding, finding, type Judge, type Workload } from './workload.ts'

export interface RestoredCounts {
  restored: number
  /** Restores that were killed, and what a node found then. */
  killed: number
}

export interface Restorer {
  readonly counts: Readonly<RestoredCounts>
  /** Restores a backup, kills a restore now and then, starts a node on the folder, and judges what it has. Removes the backup. */
  check(backup: MadeBackup): Promise<readonly Finding[]>
}

interface Options {
  readonly data: string
  readonly seed: number
  readonly draws: Draws
  readonly workloads: readonly Workload[]
  readonly adopt: string
}

/** A restore that is killed is killed within this time: in its start, while it copies, or while it verifies. */
const KILL_MS = 3000

export const problemsOf = async (data: string, name: NodeName): Promise<Finding[]> => {
  // Of a node that has never served there is nothing.
  if (!existsSync(join(data, 'store', 'data.mdb'))) return []
  const { problems } = await verifyStore(data, { name })
  return problems.slice(0, 5).map(({ kind, place, what }) => finding('torn', `node ${name}`, `verify: ${kind}: ${place}: ${what}`, []))
}

export const createRestorer = ({ data, seed, draws, workloads, adopt }: Options): Restorer => {
  const counts: RestoredCounts = { restored: 0, killed: 0 }
  /** What stands in each folder of restores. */
  const inPlace = new Map<NodeName, MadeBackup>()

  const killedRestore = async (from: string, to: string): Promise<boolean> => {
    const args = [...program, 'restore', '--from', from, '--data', to, '--force']
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'ignore' })
    const exited = once(child, 'exit')
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_MS * draws.uniform())
    await exited
    clearTimeout(timer)
    return child.signalCode === 'SIGKILL'
  }

  /** What a node on the folder has. */
  const read = async (node: NodeName, folder: string): Promise<Judge> => {
    const address = await fixedAddress([])
    const life = startLife({ name: node, data: folder, address, peers: {}, mutant: undefined, adopt })
    try {
      const failed = life.gone.then(() => Promise.reject(new Error(`a node on a restored folder ended: ${life.said}`)))
      failed.catch(() => undefined)
      await Promise.race([life.serving, failed])
      if (node !== 'one') return () => []
      const client = await connect({ sites: { [node]: { role: 'node', address } }, onWarning: () => undefined })
      const epoch: Epoch = {
        life: 0,
        clientOf: () => client,
        over: false,
        asked: () => undefined,
        replied: () => undefined,
        hold: (call) => call,
      }
      try {
        const judges: Judge[] = []
        const onStuck = (_: unknown, what: string) => {
          throw new Error(what)
        }
        for (const workload of workloads) {
          const parts = {
            workload,
            caller: 0,
            seed,
            tally: emptyTally(),
            trouble: createTrouble(),
            onStuck,
            epoch: () => Promise.resolve(epoch),
          }
          const judge = await workload.restored?.(createSession(parts))
          if (judge !== undefined) judges.push(judge)
        }
        return (moment) => judges.flatMap((judge) => judge(moment))
      } finally {
        await client.close()
      }
    } finally {
      life.kill()
      await life.gone
    }
  }
  const about = (backup: MadeBackup, what: string, findings: readonly Finding[]): Finding[] =>
    findings.map((found) => ({ ...found, what: `${what} a backup of [${backup.began}, ${backup.ended}]: ${found.what}` }))

  const afterKill = async (backup: MadeBackup, folder: string): Promise<Finding[]> => {
    const before = inPlace.get(backup.node)
    if (before === undefined || !(await killedRestore(backup.folder, folder))) return []
    counts.killed++
    const judge = await read(backup.node, folder)
    const [found, foundBefore] = [judge(backup), judge(before)]
    // The old state or the new one, whole.
    return found.length === 0 || foundBefore.length === 0 ? [] : about(backup, 'after a killed restore of', found)
  }

  return {
    counts,
    async check(backup) {
      const folder = join(data, `restored-${backup.node}`)
      const found: Finding[] = []
      try {
        if (draws.below(2) === 0) found.push(...(await afterKill(backup, folder)))
        const { problems } = await restoreBackup({ from: backup.folder, data: folder, force: existsSync(folder) })
        counts.restored++
        for (const { kind, place, what } of problems.slice(0, 5))
          found.push(finding('torn', `node ${backup.node}`, `restore: ${kind}: ${place}: ${what}`, []))
        inPlace.set(backup.node, backup)
        const judge = await read(backup.node, folder)
        found.push(...about(backup, 'after the restore of', judge(backup)), ...(await problemsOf(folder, backup.node)))
      } catch (error) {
        found.push(...about(backup, 'the restore of', [finding('stuck', `node ${backup.node}`, String(error), [])]))
      }
      if (found.length === 0) await rm(backup.folder, { recursive: true, force: true })
      return found
    },
  }
}
