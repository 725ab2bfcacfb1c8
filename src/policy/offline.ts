import { failure } from '../core/errors.ts'
import { contentHash, LOCAL, type SiteName, siteName } from '../core/ids.ts'
import { CostModel } from './cost-model.ts'
import { Estimators } from './estimators.ts'
import { didYouMean } from '../core/nearest.ts'
import { BYTES_PER_MS_IN_MBPS, signalNames } from './signals.ts'
import { type CallView, type Role, roles, type SiteView, type StageInput } from './types.ts'

/** Figures that are no signals, but without which the cost model cannot be asked: in life they are learned. */
export const estimateNames = [...roles.map((role) => `compute.${role}Ms`), 'call.resultBytes'] as const
const known: ReadonlySet<string> = new Set<string>([...signalNames, ...estimateNames])

/** A call and its sites as they might be. */
export interface Supposed {
  readonly call: CallView
  readonly sites: readonly SiteView[]
  /** Knows the supposed computing times and result size. */
  readonly model: CostModel
}

const names: Readonly<Record<Role, SiteName>> = { local: LOCAL, node: siteName('node'), cloud: siteName('cloud') }
const HELD = contentHash('0'.repeat(64))
const MISSING = contentHash('f'.repeat(64))

/**
 * Builds a call of one stage, and one site a role, from `name=value` pairs. What is not given is not measured; a site is
 * up unless its `.up` is 0. The inputs lie on the node; `call.missingBytes` of them (by default all) are not held here.
 * @throws ActiveStorageError `invalid-argument` for an unknown name or a value that is no number from 0.
 */
export const callFromSignals = (
  signals: Readonly<Record<string, number>>,
  { type, method }: { readonly type: string; readonly method: string },
): Supposed => {
  const given = new Map<string, number>()
  for (const [name, value] of Object.entries(signals)) {
    if (!known.has(name)) throw failure('invalid-argument', `unknown signal "${name.slice(0, 80)}"${didYouMean(name, [...known])}`)
    if (!Number.isFinite(value) || value < 0) throw failure('invalid-argument', `${name}=${value}: a signal is a number from 0`)
    given.set(name, value)
  }
  const total = given.get('call.inputBytes') ?? given.get('call.missingBytes') ?? 0
  const missing = given.get('call.missingBytes') ?? total
  if (missing > total) throw failure('invalid-argument', `call.missingBytes=${missing} is more than call.inputBytes=${total}`)
  const inputs: StageInput[] = []
  if (missing > 0) inputs.push({ hash: MISSING, bytes: missing, home: names.node })
  if (total > missing) inputs.push({ hash: HELD, bytes: total - missing, home: names.node })

  const key = `${type}.${method}`
  const resultBytes = given.get('call.resultBytes')
  const stage = { key, units: 1, inputs, ...(resultBytes !== undefined && { resultBytes }) }
  const estimators = new Estimators()
  for (const role of roles) {
    const ms = given.get(`compute.${role}Ms`)
    // Twice, since an estimator takes the first sample for a warm-up.
    if (ms !== undefined) for (let sample = 0; sample < 2; sample++) estimators.learnCompute(key, names[role], ms)
  }
  return {
    call: { type, method, stages: [stage], argumentBytes: given.get('call.argumentBytes') ?? 0, budgetMs: given.get('call.budgetMs') },
    sites: roles.map((role) => siteFrom(role, given)),
    model: new CostModel(estimators),
  }
}

const siteFrom = (role: Role, given: ReadonlyMap<string, number>): SiteView => {
  const rate = (name: string): number | undefined => {
    const mbps = given.get(`${role}.${name}`)
    return mbps === undefined ? undefined : mbps * BYTES_PER_MS_IN_MBPS
  }
  return {
    name: names[role],
    role,
    up: given.get(`${role}.up`) !== 0,
    rttMs: given.get(`${role}.rttMs`) ?? (role === 'local' ? 0 : undefined),
    downBytesPerMs: rate('downMbps'),
    upBytesPerMs: rate('upMbps'),
    inFlight: given.get(`${role}.inFlight`),
    queueMs: given.get(`${role}.queueMs`),
    outstanding: given.get(`${role}.outstanding`) ?? 0,
    has: (hash) => role === 'local' && hash === HELD,
  }
}
