import fc from 'fast-check'
import { arbitrary, type Case } from './case.ts'
import { kinds } from './cases.ts'
import { check, type CheckOptions, described, type Finding } from './check.ts'

/** What came of one operator's cases. */
export interface Outcome {
  readonly op: string
  readonly runs: number
  readonly ms: number
  /** The smallest case that fails, if one does. */
  readonly failed?: { readonly findings: readonly Finding[]; readonly kase: string; readonly seed: number; readonly path: string | null }
}

export interface GradcheckOptions extends CheckOptions {
  readonly runs: number
  readonly seed: number
  /** Whether the case that fails is made smaller. Default true. */
  readonly shrink?: boolean
}

/** Checks random cases of one operator. */
export const gradcheck = async (op: string, { runs, seed, shrink = true, ...options }: GradcheckOptions): Promise<Outcome> => {
  const kind = kinds[op]
  if (kind === undefined) throw new Error(`there are no cases of ${op}`)
  const start = performance.now()
  const property = fc.asyncProperty(arbitrary(kind), async (kase: Case) => (await check(kase, options)).length === 0)
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: !shrink })
  const ms = performance.now() - start
  if (!details.failed) return { op, runs: details.numRuns, ms }
  const [kase] = details.counterexample ?? []
  if (kase === undefined) throw new Error(`${op}: ${String(details.errorInstance)}`)
  return {
    op,
    runs: details.numRuns,
    ms,
    failed: { findings: await check(kase, options), kase: described(kase), seed: details.seed, path: details.counterexamplePath },
  }
}
