// Abuses a node until its time is over: abuser.ts NAME ADDRESS SECONDS
import { type AbuseName, abuseNames, abuses } from './abuses.ts'

const [name, address = '', seconds = ''] = process.argv.slice(2)
const known = abuseNames.find((each) => each === name)
if (known === undefined) throw new Error(`no abuse is named ${name}`)
const until = performance.now() + Number(seconds) * 1000
// What a node does to its abuser is the abuser's own affair.
process.on('uncaughtException', () => undefined)
process.on('unhandledRejection', () => undefined)
await abuses[known satisfies AbuseName].run(address, () => performance.now() >= until)
process.exit(0)
