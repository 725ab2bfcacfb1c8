// What a host needs to train, in one module: loaded by the host that trains, not by clients that know of the type.
export { readGraph } from '../../graph/read.ts'
export { keepState } from './checkpoints.ts'
export { measure, runJob } from './job.ts'
export { deliverGradients, deliverState, runFront } from './front.ts'
export { probeSteps } from './probe.ts'
export { release, saveOf, stepOf } from './stepping.ts'
export { keptFeatures, sourceOf } from './source.ts'
export { exported, oneFile, opened } from './weights.ts'
