// Runs the seeds that it is sent, one after the other. Started by seeds.ts.
import { buildProduct } from './product/build.ts'
import { mutantOf } from './product/mutants.ts'
import { runSeed } from './simulation.ts'

const [name] = process.argv.slice(2)
const start = await buildProduct(name === undefined ? undefined : mutantOf(name))
process.on('message', (seed: number) => {
  void runSeed({ seed, start }).then((result) => process.send?.(result))
})
process.send?.('ready')
