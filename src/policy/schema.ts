import { signalNames } from './signals.ts'
import { roles } from './types.ts'

/** The words of a policy file, each list the source of its type. */
export const objectives = ['time', 'bytes'] as const
export const strategies = ['local', 'node', 'cloud', 'threshold', 'cost-model'] as const
export const offloadRoles = ['node', 'cloud'] as const

const fraction = (maximum: number) => ({ type: 'number', minimum: 0, maximum }) as const
// Whether a size is one is checked in document.ts: a pattern's message would help nobody.
const size = { type: ['integer', 'string'], minimum: 0 } as const
const section = <P extends object>(properties: P) => ({ type: 'object', additionalProperties: false, properties }) as const
const name = { type: 'string', minLength: 1, maxLength: 128 } as const

const bounds = {
  ...section({ above: { type: ['number', 'string'] }, below: { type: ['number', 'string'] } }),
  minProperties: 1,
} as const

const rule = {
  ...section({
    name: { type: 'string', minLength: 1, maxLength: 200 },
    match: { ...section({ type: name, method: name }), minProperties: 1 },
    when: section(Object.fromEntries(signalNames.map((signal) => [signal, bounds]))),
    place: { type: 'string', enum: roles },
  }),
  required: ['name', 'place'],
} as const

/** JSON Schema of a policy file (draft-07 words only). Every level is closed: an unknown key is a mistake. */
export const policySchema = {
  ...section({
    version: { const: 1 },
    objective: section({ minimize: { type: 'string', enum: objectives }, tieBreak: { type: 'string', enum: objectives } }),
    constraints: section({ deadlineMs: { type: 'number', exclusiveMinimum: 0, maximum: 1e9 } }),
    strategy: { type: 'string', enum: strategies },
    threshold: section({ offloadAboveBytes: size, to: { type: 'string', enum: offloadRoles } }),
    costModel: section({
      margin: fraction(1),
      explore: section({ tries: { type: 'integer', minimum: 0, maximum: 10 }, share: fraction(0.1) }),
    }),
    rules: { type: 'array', maxItems: 1000, items: rule },
  }),
  required: ['version'],
} as const

/** Words that other versions or the design know and this version does not enforce, by the pointer of their parent. */
export const notEnforced: Readonly<Record<string, readonly string[]>> = {
  '/constraints': ['residency'],
  '/objective/minimize': ['money', 'clientMemory'],
  '/objective/tieBreak': ['money', 'clientMemory'],
  '/strategy': ['adaptive'],
}
