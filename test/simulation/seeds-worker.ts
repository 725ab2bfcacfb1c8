// Runs the seeds that it is sent, one after the other. Started by seeds.ts.
import { buildProduct } from './product/build.ts'
import { mutantOf } from './product/mutants.ts'
import { runSeed } from './simulation.ts'

// Stacks of errors that the load expects cost a tenth of the time; a replay of one seed has them.
Error.stackTraceLimit = 0

const [name] = process.argv.slice(2)
const start = await buildProduct(name === undefined ? undefined : mutantOf(name))
process.on('message', (seed: number) => {
  void runSeed({ seed, start }).then((result) => process.send?.(result))
})
process.send?.('ready')
