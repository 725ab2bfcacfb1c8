import { Ajv } from 'ajv'
import { parseBytes } from './figures.ts'
import { type Condition, defaultPolicy, type Objective, type PolicyDocument, type Rule, type Strategy } from './document.ts'
import { type offloadRoles, policySchema } from './schema.ts'
import { failure } from '../core/errors.ts'
import { noteSchemaErrors, quoted } from './schema-words.ts'
import { countsBytes, isSignal, isWhole, type SignalName } from './signals.ts'
import { numberMeant, sizeMeant } from './slips.ts'
import { readSource, type Source } from './source.ts'
import type { Role } from './types.ts'

/** The shape of the data once the schema has accepted it. */
interface Raw {
  readonly version: 1
  readonly objective?: { readonly minimize?: Objective; readonly tieBreak?: Objective }
  readonly constraints?: { readonly deadlineMs?: number }
  readonly strategy?: Strategy
  readonly threshold?: { readonly offloadAboveBytes?: number | string; readonly to?: (typeof offloadRoles)[number] }
  readonly costModel?: { readonly margin?: number; readonly explore?: { readonly tries?: number; readonly share?: number } }
  readonly rules?: readonly RawRule[]
}
interface RawRule {
  readonly name: string
  readonly match?: { readonly type?: string; readonly method?: string }
  readonly when?: Readonly<Record<string, { readonly above?: number | string; readonly below?: number | string }>>
  readonly place: Role
}

const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile<Raw>(policySchema)

type Mapping = Readonly<Record<string, unknown>>
const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)
const within = (data: unknown, key: string): unknown => (isMapping(data) ? data[key] : undefined)

/** The bytes of a size; 0 with a note where it is none. What is neither number nor text is the schema's to refuse. */
const sizeOf = (source: Source, pointer: string, value: unknown): number => {
  if (typeof value !== 'number' && typeof value !== 'string') return 0
  const bytes = parseBytes(value)
  if (bytes === undefined && !(typeof value === 'number' && value < 0))
    source.mistake(pointer, `${quoted(value)} is no size; ${sizeMeant(value)}`)
  return bytes ?? 0
}

const boundOf = (source: Source, pointer: string, signal: SignalName, value: unknown): number | undefined => {
  if (typeof value === 'string') {
    if (countsBytes(signal)) return sizeOf(source, pointer, value)
    return source.mistake(pointer, `${quoted(value)} is no number, which a bound on ${signal} must be${numberMeant(value, signal)}`)
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  if (value < 0) return source.mistake(pointer, `${value} is below 0, which ${signal} never is`)
  return value
}

/** Why no value of the signal fits both bounds; undefined where one may. */
const neverHolds = (signal: SignalName, above: number | undefined, below: number | undefined): string | undefined => {
  if (below === 0) return `${signal} is never below 0`
  if (signal.endsWith('.up')) {
    if (above !== undefined && above >= 1) return `${signal} is 0 or 1, and never above ${above}; write { above: 0 }`
    return undefined
  }
  if (above === undefined || below === undefined) return undefined
  if (above >= below) return `nothing is above ${above} and below ${below}${above > below ? '; are the two swapped?' : ''}`
  return isWhole(signal) && Math.floor(above) + 1 >= below ? `no whole number is above ${above} and below ${below}` : undefined
}

const conditionsOf = (source: Source, pointer: string, when: unknown): Condition[] => {
  if (!isMapping(when)) return []
  return Object.entries(when).flatMap(([signal, bounds]) => {
    // What is no signal is the schema's to refuse.
    if (!isSignal(signal) || !isMapping(bounds)) return []
    const at = `${pointer}/${signal}`
    const above = boundOf(source, `${at}/above`, signal, bounds['above'])
    const below = boundOf(source, `${at}/below`, signal, bounds['below'])
    const never = neverHolds(signal, above, below)
    if (never !== undefined) source.mistake(at, never)
    return [Object.freeze({ signal, above, below })]
  })
}

/** Checks what a schema cannot say, whatever else is wrong. @returns sizes and conditions, for what the schema lets through */
const meaningOf = (source: Source) => {
  const { data } = source
  const { offloadAboveBytes: usual } = defaultPolicy.threshold
  const offload = within(within(data, 'threshold'), 'offloadAboveBytes') ?? usual
  const rules = within(data, 'rules')
  return {
    offloadAboveBytes: sizeOf(source, '/threshold/offloadAboveBytes', offload),
    conditions: (Array.isArray(rules) ? rules : []).map((rule: unknown, index) => {
      const when = conditionsOf(source, `/rules/${index}/when`, within(rule, 'when'))
      const named = within(rule, 'when')
      if (isMapping(rule) && (named === undefined || (isMapping(named) && Object.keys(named).length === 0)) && rule['match'] === undefined)
        source.mistake(`/rules/${index}`, 'a rule needs `when` or `match`; one that always holds is a `strategy`')
      return when
    }),
  }
}

const ruleOf = (raw: RawRule, when: readonly Condition[]): Rule =>
  Object.freeze({
    name: raw.name,
    match: Object.freeze({ type: raw.match?.type, method: raw.match?.method }),
    when: Object.freeze(when),
    place: raw.place,
  })

/**
 * Parses a policy file. What this version does not enforce is refused, never ignored.
 * @throws ActiveStorageError `invalid-policy` with all mistakes, a line each; each begins `file:line:column`.
 */
export const parsePolicy = (text: string, fileName: string): PolicyDocument => {
  const source = readSource(text, fileName)
  const data: unknown = source.data
  if (data === null || data === undefined) {
    source.mistake('', 'the policy is empty; begin with `version: 1`')
    source.check()
  }
  const fits = validate(data)
  if (!fits) noteSchemaErrors(source, validate.errors ?? [])
  const { offloadAboveBytes, conditions } = meaningOf(source)
  source.check()
  if (!fits) throw failure('internal', `${fileName}: the policy is not acceptable`)
  const minimize = data.objective?.minimize ?? defaultPolicy.objective.minimize
  const { threshold, costModel } = data
  return Object.freeze({
    version: 1,
    objective: Object.freeze({ minimize, tieBreak: data.objective?.tieBreak ?? (minimize === 'time' ? 'bytes' : 'time') }),
    constraints: Object.freeze({ deadlineMs: data.constraints?.deadlineMs }),
    strategy: data.strategy ?? defaultPolicy.strategy,
    threshold: Object.freeze({ offloadAboveBytes, to: threshold?.to ?? defaultPolicy.threshold.to }),
    costModel: Object.freeze({
      margin: costModel?.margin ?? defaultPolicy.costModel.margin,
      explore: Object.freeze({
        tries: costModel?.explore?.tries ?? defaultPolicy.costModel.explore.tries,
        share: costModel?.explore?.share ?? defaultPolicy.costModel.explore.share,
      }),
    }),
    rules: Object.freeze((data.rules ?? []).map((rule, index) => ruleOf(rule, conditions[index] ?? []))),
  })
}
