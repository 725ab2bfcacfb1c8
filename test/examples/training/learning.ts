// Trains a small model for a short while, on a node, and holds what comes of it against what it has to reach.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Transport } from '../../../src/core/transport.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import type { FitPlan, TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { linkTo, remote, startNode } from '../../storage-node/support.ts'

export interface Short {
  /** Folders of the node that may be adopted. */
  readonly adopt?: readonly string[]
  put(link: Transport): Promise<unknown>
  readonly model: Graph
  readonly spec: TrainerSpec
  /** It validates: the accuracy counts that it has in the end. */
  readonly fit: FitPlan
  /** The accuracy that it reaches, at the least. */
  readonly least: number
}

/** Where the real data lies; undefined, with the reason, where a folder is missing. */
export const realData = (variable: string, folder: string): { readonly path: string; readonly skip: string | false } => {
  const path = join(process.env[variable] ?? '', folder)
  const there = (process.env[variable] ?? '') !== '' && existsSync(path)
  return { path, skip: there ? false : `${variable} names no folder with ${folder === '' ? 'it' : folder}` }
}

const mean = (losses: readonly number[]) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length

/** Trains: the loss falls by a fifth at the least, and the accuracy on samples apart is what was stated. */
export const learns = async (t: TestContext, { adopt = [], put, model, spec, fit, least }: Short) => {
  const node = await startNode(t, { adopt: [...adopt] })
  const link = linkTo(t, node.address)
  await put(link)
  const main = remote(link, trainer, 'main', { timeoutMs: 300_000 })
  await main.put(writeGraph({ graph: model }), spec)
  let accuracy = 0
  for await (const { validation } of main.run(await main.fit(fit))) accuracy = validation?.accuracy ?? accuracy
  const losses = await main.curve()
  const part = Math.ceil(losses.length / 10)
  const [first, last] = [mean(losses.slice(0, part)), mean(losses.slice(-part))]
  t.diagnostic(`loss ${first.toFixed(3)} to ${last.toFixed(3)} in ${losses.length} steps, accuracy ${accuracy.toFixed(3)}`)
  assert.ok(last < 0.8 * first, `the loss went from ${first} to ${last}`)
  assert.ok(accuracy >= least, `accuracy ${accuracy}, where ${least} is due`)
  return { node, main }
}
