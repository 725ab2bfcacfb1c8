import { Ajv, type ErrorObject } from 'ajv'
import type { ActiveStorageError } from '../core/errors.ts'
import { parseBytes, sizeUnits } from './figures.ts'
import { type Condition, defaultPolicy, type Objective, type PolicyDocument, type Rule, type Strategy } from './document.ts'
import { didYouMean, hint } from '../core/nearest.ts'
import { notEnforced, type offloadRoles, policySchema } from './schema.ts'
import { countsBytes, isSignal, type SignalName } from './signals.ts'
import { pointerPart, readSource, type Source } from './source.ts'
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

const listed = (words: readonly unknown[]): string => words.map(String).join(', ')
const quoted = (value: unknown): string =>
  typeof value === 'string' ? `"${value.slice(0, 80)}"` : String(JSON.stringify(value)).slice(0, 80)
const unenforced = (word: string): string => `this version does not enforce \`${word}\`, and ignoring it would be worse; remove it`

/** The value at a JSON pointer of data that came out of YAML. */
const valueAt = (data: unknown, pointer: string): unknown => {
  let value = data
  for (const part of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, part.replaceAll('~1', '/').replaceAll('~0', '~'))?.value
  }
  return value
}

// ajv hands out its parameters as a bare record; the keyword says which of them are there.
const textParam = ({ params }: ErrorObject, name: string): string => String(params[name])

const worded = (source: Source, error: ErrorObject): ActiveStorageError => {
  const { keyword, instancePath: path } = error
  const value = valueAt(source.data, path)
  switch (keyword) {
    case 'additionalProperties': {
      const key = textParam(error, 'additionalProperty')
      const where = `${path}/${pointerPart(key)}`
      if (notEnforced[path]?.includes(key) === true) return source.problem(where, unenforced(key), 'key')
      const schema: unknown = error.parentSchema?.['properties']
      const known = Object.keys(typeof schema === 'object' && schema !== null ? schema : {})
      const kind = path.endsWith('/when') ? 'signal' : 'key'
      return source.problem(where, `unknown ${kind} ${quoted(key)}${didYouMean(key, known)}`, 'key')
    }
    case 'enum': {
      const word = String(value)
      if (notEnforced[path]?.includes(word) === true) return source.problem(path, unenforced(word))
      const allowed: unknown = error.params['allowedValues']
      const known = Array.isArray(allowed) ? allowed.map(String) : []
      return source.problem(path, `${quoted(value)} is not one of ${listed(known)}${known.includes(word) ? '' : hint(word, known)}`)
    }
    case 'const':
      return source.problem(path, `version ${quoted(value)} is not known; this version reads version 1`)
    case 'required':
      return source.problem(path, `\`${textParam(error, 'missingProperty')}\` is missing`)
    case 'type': {
      const wanted: unknown = error.params['type']
      return source.problem(
        path,
        `${described(value)} stands where ${[wanted]
          .flat()
          .map((type) => words[String(type)] ?? String(type))
          .join(' or ')} is wanted`,
      )
    }
    case 'minProperties':
      return source.problem(
        path,
        path.endsWith('/match') ? '`match` needs `type`, `method` or both' : 'a condition needs `above`, `below` or both',
      )
    default:
      return source.problem(path, `${quoted(value)} ${error.message ?? 'is not acceptable'}`)
  }
}

const words: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a word',
  number: 'a number',
  integer: 'a whole number',
}

const described = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a mapping' : `the ${typeof value} ${quoted(value)}`
}

const sizeOf = (source: Source, pointer: string, value: number | string): number => {
  const bytes = parseBytes(value)
  if (bytes !== undefined) return bytes
  throw source.problem(pointer, `${quoted(value)} is no size; write whole bytes or a number with ${listed(sizeUnits)}, such as 64MiB`)
}

const boundOf = (source: Source, pointer: string, signal: SignalName, value: number | string | undefined): number | undefined => {
  if (typeof value === 'string' && countsBytes(signal)) return sizeOf(source, pointer, value)
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw source.problem(pointer, `${quoted(value)} is no number, which a bound on ${signal} must be`)
}

const ruleOf = (source: Source, raw: RawRule, index: number): Rule => {
  const pointer = `/rules/${index}`
  const when: Condition[] = []
  for (const [signal, bounds] of Object.entries(raw.when ?? {})) {
    const at = `${pointer}/when/${signal}`
    if (!isSignal(signal)) throw source.problem(at, `unknown signal ${quoted(signal)}`, 'key')
    const above = boundOf(source, `${at}/above`, signal, bounds.above)
    const below = boundOf(source, `${at}/below`, signal, bounds.below)
    if (above !== undefined && below !== undefined && above >= below)
      throw source.problem(at, `nothing is above ${above} and below ${below}`)
    when.push(Object.freeze({ signal, above, below }))
  }
  if (when.length === 0 && raw.match === undefined)
    throw source.problem(pointer, 'a rule needs `when` or `match`; one that always holds is a `strategy`')
  return Object.freeze({
    name: raw.name,
    match: Object.freeze({ type: raw.match?.type, method: raw.match?.method }),
    when: Object.freeze(when),
    place: raw.place,
  })
}

/**
 * Parses a policy file. What this version does not enforce is refused, never ignored.
 * @throws ActiveStorageError `invalid-policy`; its text begins `file:line:column`.
 */
export const parsePolicy = (text: string, fileName: string): PolicyDocument => {
  const source = readSource(text, fileName)
  const data: unknown = source.data
  if (data === null || data === undefined) throw source.problem('', 'the policy is empty; begin with `version: 1`')
  if (!validate(data)) {
    // A mistyped key is also a missing one: the typo is the better thing to say.
    const error = validate.errors?.find(({ keyword }) => keyword !== 'required') ?? validate.errors?.[0]
    throw error === undefined ? source.problem('', 'the policy is not acceptable') : worded(source, withSchema(error))
  }
  const minimize = data.objective?.minimize ?? defaultPolicy.objective.minimize
  const { threshold, costModel } = data
  return Object.freeze({
    version: 1,
    objective: Object.freeze({ minimize, tieBreak: data.objective?.tieBreak ?? (minimize === 'time' ? 'bytes' : 'time') }),
    constraints: Object.freeze({ deadlineMs: data.constraints?.deadlineMs }),
    strategy: data.strategy ?? defaultPolicy.strategy,
    threshold: Object.freeze({
      offloadAboveBytes: sizeOf(
        source,
        '/threshold/offloadAboveBytes',
        threshold?.offloadAboveBytes ?? defaultPolicy.threshold.offloadAboveBytes,
      ),
      to: threshold?.to ?? defaultPolicy.threshold.to,
    }),
    costModel: Object.freeze({
      margin: costModel?.margin ?? defaultPolicy.costModel.margin,
      explore: Object.freeze({
        tries: costModel?.explore?.tries ?? defaultPolicy.costModel.explore.tries,
        share: costModel?.explore?.share ?? defaultPolicy.costModel.explore.share,
      }),
    }),
    rules: Object.freeze((data.rules ?? []).map((rule, index) => ruleOf(source, rule, index))),
  })
}

// Without `verbose` ajv leaves the parent schema out; it is found again by its own path.
const withSchema = (error: ErrorObject): ErrorObject => {
  const parent = error.schemaPath.replace(/^#/, '').replace(/\/[^/]*$/, '')
  const schema = valueAt(policySchema, parent)
  return typeof schema === 'object' && schema !== null ? { ...error, parentSchema: schema } : error
}
