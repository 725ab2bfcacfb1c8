import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Measurement } from '../support/claim.ts'
import { createShaper, startLink } from '../support/link.ts'
import { numberIn } from '../support/lines.ts'
import { startChild } from '../support/processes.ts'
import { cifarNode, perceptron, plan, spec } from './material.ts'

const EPOCHS = 2

/** Bytes on a client's connections, both ways, from connecting to the last report; no model is fetched back. */
export const fitLink: Measurement = {
  claims: ['fit-link', 'fit-link-export'],
  about: `Bytes on the link of a client that has CIFAR-10 (JPEG) trained on for ${EPOCHS} epochs by a perceptron at the node, by the model plus 0.1 % of the data set (with its export: twice the model).`,
  async run() {
    await using there = await cifarNode()
    const folder = await mkdtemp(join(tmpdir(), 'active-storage-bench-'))
    try {
      const model = perceptron(32)
      await writeFile(join(folder, 'model.onnx'), model)
      await writeFile(join(folder, 'plan.json'), JSON.stringify({ trainer: spec, fit: plan({ epochs: EPOCHS, cache: 'decoded' }) }))
      // Shapes nothing: it counts.
      const link = await startLink({ shaper: createShaper({ rttMs: 0, bitsPerSecond: 1e12 }), to: there.node.address })
      try {
        await using client = await startChild(['benchmarks/support/training-client.mjs', link.address, folder])
        const told = await client.ask('train')
        const { bytesUp, bytesDown } = link.stats()
        await client.ask('export')
        const after = link.stats()
        const allowed = there.bytes * 0.001
        const exact = (id: string, bytes: number, most: number) => {
          const figure = bytes / most
          const details = { bytes, modelBytes: model.byteLength, dataBytes: there.bytes, reports: numberIn(told, 'reports') }
          return { id, figure, low: figure, high: figure, goal: { atMost: 1 }, details }
        }
        return [
          exact('fit-link', bytesUp + bytesDown, model.byteLength + allowed),
          exact('fit-link-export', after.bytesUp + after.bytesDown, 2 * model.byteLength + allowed),
        ]
      } finally {
        await link.close()
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  },
}
