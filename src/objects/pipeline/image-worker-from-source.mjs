// Runs the worker from TypeScript source: Node 20 gives a worker none of its parent's loader hooks.
// Never part of the built package.
import { register } from 'tsx/esm/api'

register()
const { default: work } = await import('./image-worker.ts')
export default work
