import { type ContentHash, contentHash, LOCAL, type SiteName, siteName } from '../../src/core/ids.ts'
import type { CallReport } from '../../src/core/transport.ts'
import type { CallView, Decision, Outcome, Policy, SiteView, StageInput } from '../../src/policy/types.ts'

/** Calls and sites for tests, each with what matters to the test put in. */
export const hash = (index: number): ContentHash => contentHash(index.toString(16).padStart(64, '0'))
export const NODE = siteName('node')
export const CLOUD = siteName('cloud')

export const view = (given: Partial<SiteView> & Pick<SiteView, 'role'>): SiteView => ({
  name: given.role === 'local' ? LOCAL : siteName(given.role),
  up: true,
  rttMs: given.role === 'local' ? 0 : undefined,
  downBytesPerMs: given.role === 'local' ? Infinity : undefined,
  upBytesPerMs: given.role === 'local' ? Infinity : undefined,
  inFlight: undefined,
  queueMs: undefined,
  outstanding: 0,
  has: () => false,
  ...given,
})

export const inputs = (count: number, bytes: number, home: SiteName = NODE): readonly StageInput[] =>
  Array.from({ length: count }, (_, index) => ({ hash: hash(index), bytes, home }))

export const callOf = (given: Partial<CallView> = {}): CallView => ({
  type: 'loader',
  method: 'batch',
  stages: [{ key: 'decode', units: 100, inputs: [] }],
  argumentBytes: 0,
  budgetMs: undefined,
  ...given,
})

/** Three sites of which the links are known: a node nearby and a cloud far away. */
export const threeSites = (): readonly SiteView[] => [
  view({ role: 'local' }),
  view({ role: 'node', rttMs: 1, downBytesPerMs: 125_000, upBytesPerMs: 125_000 }),
  view({ role: 'cloud', rttMs: 40, downBytesPerMs: 6250, upBytesPerMs: 6250 }),
]

export const report = (site: SiteName, ms: number, units = 100, more: Partial<CallReport> = {}): CallReport => ({
  site,
  bytesSent: 0,
  bytesReceived: site === LOCAL ? 0 : 1000,
  bytesFetched: 0,
  fetchMs: 0,
  totalMs: ms,
  stages: [{ key: 'decode', ms, units }],
  ...more,
})

export const outcome = (reports: readonly CallReport[], failed = false): Outcome => ({
  reports,
  totalMs: reports.reduce((sum, { totalMs }) => sum + totalMs, 0),
  failed,
})

/** Makes `count` calls one after the other, each taking what `msOn` says of its site. */
export const drive = (
  policy: Policy,
  count: number,
  msOn: (site: SiteName, index: number) => number,
  call: CallView = callOf(),
  sites: readonly SiteView[] = threeSites(),
): readonly Decision[] =>
  Array.from({ length: count }, (_, index) => {
    const decision = policy.decide(call, sites)
    const site = decision.sites[0] ?? LOCAL
    const rtt = sites.find(({ name }) => name === site)?.rttMs ?? 0
    const ms = msOn(site, index)
    policy.observe(call, decision, outcome([report(site, ms, 100, { totalMs: ms + rtt })]))
    return decision
  })
