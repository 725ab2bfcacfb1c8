import type { CallView, Role, SiteView } from './types.ts'

/** The closed list of what a rule may look at. There is no expression language: a condition is a name and two bounds. */
const callSignals = {
  'call.argumentBytes': 'Bytes that travel inside the arguments.',
  'call.inputBytes': 'Bytes of all content that the call reads, wherever it lies.',
  'call.missingBytes': 'Bytes of that content which this process does not hold.',
  'call.budgetMs': 'Milliseconds that are left for the call.',
} as const

const siteSignals = {
  inFlight: 'calls under way there, from its last load report',
  queueMs: 'time that the last reported call waited there before it ran',
  rttMs: 'round trip of a small call',
  downMbps: 'megabits a second from there to this process, from real transfers',
  upMbps: 'megabits a second from this process to there, from real transfers',
  outstanding: 'calls of this client under way there',
  up: '1 while some site of the role takes calls, otherwise 0',
} as const

type SiteSignal = keyof typeof siteSignals
export type SignalName = keyof typeof callSignals | `${Role}.${SiteSignal}`

const keysOf = <K extends string>(table: Readonly<Record<K, string>>): readonly K[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys of a literal table yields its own keys
  Object.keys(table) as K[]

// Written out, so that the type checker refuses a role that has no sentence here.
const who: Readonly<Record<Role, string>> = { local: 'This process', node: 'The storage node', cloud: 'The cloud' }

const siteSentences: readonly (readonly [string, string])[] = keysOf(who).flatMap((role) =>
  keysOf(siteSignals).map((part) => [`${role}.${part}`, `${who[role]}: ${siteSignals[part]}.`] as const),
)
/** Every signal with its sentence, in the order in which docs/policy.md lists them. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys are exactly those that SignalName is made of
export const signals = Object.freeze({ ...callSignals, ...Object.fromEntries(siteSentences) }) as Readonly<Record<SignalName, string>>
export const signalNames: readonly SignalName[] = keysOf(signals)
const names: ReadonlySet<string> = new Set(signalNames)
export const isSignal = (name: string): name is SignalName => names.has(name)
/** Whether a bound on the signal may be written as a size, such as `64MiB`. */
export const countsBytes = (name: SignalName): boolean => name.endsWith('Bytes')

/** Whether the signal is a count. */
export const isWhole = (name: SignalName): boolean => /(Bytes|\.inFlight|\.outstanding)$/.test(name)

/** Bytes a millisecond in one megabit a second. */
export const BYTES_PER_MS_IN_MBPS = 125

/** The value of a signal now; undefined where nobody has measured it, which makes a condition on it false. */
export const readSignal = (name: SignalName, call: CallView, sites: readonly SiteView[]): number | undefined => {
  switch (name) {
    case 'call.argumentBytes':
      return call.argumentBytes
    case 'call.budgetMs':
      return call.budgetMs
    case 'call.inputBytes':
      return inputBytes(call, undefined)
    case 'call.missingBytes':
      return inputBytes(
        call,
        sites.find((site) => site.role === 'local'),
      )
    default:
      return readSite(name, sites)
  }
}

/** Bytes of the call's inputs that `holder` lacks; of all inputs without a holder. Content read twice counts once. */
const inputBytes = (call: CallView, holder: SiteView | undefined): number => {
  const seen = new Set<string>()
  let total = 0
  for (const stage of call.stages) {
    for (const { hash, bytes, home } of stage.inputs) {
      if (seen.has(hash)) continue
      seen.add(hash)
      if (holder === undefined || (home !== holder.name && !holder.has(hash))) total += bytes
    }
  }
  return total
}

const readSite = (name: Exclude<SignalName, keyof typeof callSignals>, sites: readonly SiteView[]): number | undefined => {
  const dot = name.indexOf('.')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two halves of a name from the closed list
  const [role, part] = [name.slice(0, dot), name.slice(dot + 1)] as [Role, SiteSignal]
  // Of several sites in one role the first that is up speaks for it.
  const site = sites.find((one) => one.role === role && one.up) ?? sites.find((one) => one.role === role)
  if (part === 'up') return site?.up === true ? 1 : 0
  if (site === undefined) return undefined
  switch (part) {
    case 'inFlight':
      return site.inFlight
    case 'queueMs':
      return site.queueMs
    case 'rttMs':
      return site.rttMs
    case 'outstanding':
      return site.outstanding
    case 'downMbps':
      return site.downBytesPerMs === undefined ? undefined : site.downBytesPerMs / BYTES_PER_MS_IN_MBPS
    case 'upMbps':
      return site.upBytesPerMs === undefined ? undefined : site.upBytesPerMs / BYTES_PER_MS_IN_MBPS
  }
}
