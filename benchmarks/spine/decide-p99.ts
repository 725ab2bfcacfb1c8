import { performance } from 'node:perf_hooks'
import { defaultPolicy } from '../../src/policy/document.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import type { CallView } from '../../src/policy/types.ts'
import { callOf, inputs, outcome, report, threeSites } from '../../test/policy/views.ts'
import type { Measurement } from '../support/claim.ts'
import { bootstrap, median, quantile } from '../support/statistics.ts'

const WINDOWS = 20
const DECISIONS = 1000

export const decideP99: Measurement = {
  claims: ['decide-p99'],
  about: `p99 of a decision over three sites, two stages and 64 inputs, in µs: the median of ${WINDOWS} windows of ${DECISIONS}.`,
  run() {
    const policy = createPolicy(defaultPolicy)
    const stages = [
      { key: 'decode', units: 64, inputs: inputs(64, 100_000) },
      { key: 'forward', units: 64, inputs: [] },
    ]
    const call: CallView = callOf({ stages })
    const windowP99 = (): number => {
      const took: number[] = []
      for (let n = 0; n < DECISIONS; n++) {
        const began = performance.now()
        const decision = policy.decide(call, threeSites())
        took.push((performance.now() - began) * 1000)
        const at = decision.sites[0]
        if (at !== undefined)
          policy.observe(call, decision, outcome([report(at, 30, 64, { stages: stages.map(({ key }) => ({ key, ms: 15, units: 64 })) })]))
      }
      return quantile(took, 0.99)
    }
    // The code is compiled in the first windows.
    for (let warm = 0; warm < 3; warm++) windowP99()
    const p99s = Array.from({ length: WINDOWS }, windowP99)
    return Promise.resolve([{ id: 'decide-p99', ...bootstrap(p99s, median), unit: 'µs', goal: { atMost: 50 } }])
  },
}
