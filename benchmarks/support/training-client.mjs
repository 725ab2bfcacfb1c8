// Run as a process: a client that has a node train, and does nothing else. Plain JavaScript, since a TypeScript loader
// would be most of its memory. Arguments: the address, and a folder with model.onnx and plan.json.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { connect, trainer, withCall } from '../../dist/index.js'

const [, , address, folder = ''] = process.argv
const tell = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`)
const client = await connect({ node: address })
const main = withCall(client.object(trainer, 'main'), { timeoutMs: 3_600_000 })

const asked = {
  async train() {
    const { trainer: spec, fit } = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'))
    await main.put(readFileSync(join(folder, 'model.onnx')), spec)
    let reports = 0
    for await (const _ of main.run(await main.fit(fit))) reports++
    // Two to connect, and three of the trainer.
    return { reports, calls: 6, status: (await main.status()).status }
  },
  export: async () => ({ bytes: (await main.export()).byteLength }),
}

tell({ ready: 1 })
for await (const line of createInterface({ input: process.stdin })) tell(await asked[JSON.parse(line).op]())
process.exit(0)
