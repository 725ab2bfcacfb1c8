// What is promised of the whole path from a client to an object and back, each against the least that could do it.
import type { Measurement } from './support/claim.ts'
import { clientRss } from './spine/client-rss.ts'
import { decideP99 } from './spine/decide-p99.ts'
import { forward } from './spine/forward.ts'
import { noop64 } from './spine/noop-64.ts'
import { noopP50 } from './spine/noop-p50.ts'
import { noopP99 } from './spine/noop-p99.ts'
import { pipeline } from './spine/pipeline.ts'
import { start } from './spine/start.ts'
import { tensorRss } from './spine/tensor-rss.ts'
import { tensor } from './spine/tensor.ts'
import { wrapLocal } from './spine/wrap-local.ts'

export const measurements: readonly Measurement[] = [
  noopP50,
  noop64,
  tensor,
  tensorRss,
  noopP99,
  pipeline,
  forward,
  wrapLocal,
  start,
  clientRss,
  decideP99,
]
