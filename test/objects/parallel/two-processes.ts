import type { TestContext } from 'node:test'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { parallelTrainer } from '../../../src/objects/parallel/parallel-trainer.ts'
import { fixedAddress } from '../../crash/node.ts'
import { startNodeProcess } from '../../storage-node/node-process.ts'
import { linkTo, remote, temporaryFolder } from '../../storage-node/support.ts'
import { countingModel, countingSamples, countingSpec } from './counting.ts'

export const EACH = 700
export const COUNT = 2 * EACH

/** A node with half of the samples, in a process of its own, which can be started again on its data. @param atFirst arguments of its first start */
const nodeWith = async (t: TestContext, name: string, from: number, atFirst: readonly string[] = [], always: readonly string[] = []) => {
  // Its own while it is down, so that no connection takes it meanwhile.
  const address = await fixedAddress([])
  const args = ['--data', temporaryFolder(t), '--threads', '1', '--name', name, '--listen', address, ...always]
  const first = await startNodeProcess(t, [...args, ...atFirst])
  const link = linkTo(t, address, name)
  await remote(link, dataset, 'counted').put(countingSamples(from, from + EACH, COUNT))
  return { address, link, first, again: () => startNodeProcess(t, args) }
}
/** A parallel trainer, and its two members in processes of their own. @param more arguments of the second when it starts first */
export const two = async (t: TestContext, more: readonly string[] = []) => {
  const other = await nodeWith(t, 'n1', EACH, more)
  const lead = await nodeWith(t, 'n0', 0, [], ['--peer', `n1=${other.address}`])
  const main = remote(lead.link, parallelTrainer, 'main', { timeoutMs: 600_000 })
  await main.put(countingModel(COUNT), countingSpec)
  return { lead, other, main }
}
