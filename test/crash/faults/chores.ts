import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Code, isActiveStorageError } from '../../../src/core/errors.ts'
import { withCall } from '../../../src/core/remote.ts'
import { site } from '../../../src/objects/site.ts'
import type { Client } from '../../../src/sdk/client.ts'
import { connect } from '../../../src/sdk/connect.ts'
import type { NodeName } from '../cluster.ts'
import { finding } from '../workload.ts'
import { type FaultContext, nodeFor } from './fault.ts'

/** What an operator's command may be answered while a node is killed, stopped, or short of something. */
const allowed: readonly Code[] = [
  'unavailable',
  'deadline-exceeded',
  'cancelled',
  'overloaded',
  'resource-exhausted',
  'read-only',
  'storage-failed',
]
const TIMEOUT_MS = 20_000

/** Runs an operator's command at a node, by a connection of its own. */
const command = async (context: FaultContext, what: string, run: (client: Client, node: NodeName) => Promise<void>): Promise<boolean> => {
  const node = nodeFor(context)
  const client = await connect({
    sites: { [node]: { role: 'node', address: context.cluster.address(node) } },
    timeoutMs: TIMEOUT_MS,
    onWarning: () => undefined,
  })
  try {
    await run(client, node)
    return true
  } catch (error) {
    if (!isActiveStorageError(error) || !allowed.includes(error.code))
      context.onFinding(finding('refused', node, `${what} was refused: ${String(error)}`, []))
    return false
  } finally {
    await client.close()
  }
}

/** Removes content that nothing refers to, beside everything else. */
export const collect = (context: FaultContext, signal: AbortSignal): Promise<boolean> =>
  command(context, 'a collection', async (client, node) => {
    for (let rounds = 1 + context.draws.below(3); rounds > 0 && !signal.aborted; rounds--)
      await withCall(client.object(site, 'main'), { place: node }).collect()
  })

let backups = 0

/** Has a node write a backup, which may be killed in the midst. */
export const backUp = async (context: FaultContext, signal: AbortSignal): Promise<boolean> => {
  const began = context.clock()
  const folder = join(context.backups, `backup-${++backups}`)
  let at: NodeName | undefined
  await command(context, 'a backup', async (client, node) => {
    at = node
    for await (const _ of withCall(client.object(site, 'main'), { place: node }).backup(folder)) if (signal.aborted) break
  })
  // What is there is whole, whatever was answered.
  if (at === undefined || !existsSync(folder)) return false
  context.onBackup({ node: at, folder, began, ended: context.clock() })
  return true
}
