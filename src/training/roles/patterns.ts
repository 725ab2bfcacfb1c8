import { failure } from '../../core/errors.ts'
import type { DType } from '../../core/dtype.ts'

const patternOf = (glob: string): RegExp => new RegExp(`^${glob.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*')}$`)

/** Whether a name is one of those that patterns, with `*` for any text, name. */
export const named = (patterns: readonly string[]): ((name: string) => boolean) => {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')))
  const open = patterns.filter((pattern) => pattern.includes('*')).map(patternOf)
  return (name) => exact.has(name) || open.some((pattern) => pattern.test(name))
}

/** Patterns of `trainable`, apart: those that name what is trained, and changes of what is trained by itself. */
export interface Choice {
  /** Undefined: the default. */
  readonly only: readonly string[] | undefined
  /** Written `+NAME`. */
  readonly more: readonly string[]
  /** Written `!NAME`. */
  readonly less: readonly string[]
}
export const choiceOf = (patterns: readonly string[] | undefined): Choice => {
  if (patterns === undefined) return { only: undefined, more: [], less: [] }
  const [more, less] = ['+', '!'].map((sign) => patterns.filter((pattern) => pattern.startsWith(sign)).map((pattern) => pattern.slice(1)))
  const only = patterns.filter((pattern) => !/^[+!]/.test(pattern))
  if (patterns.length === 0) throw failure('invalid-argument', 'trainable is empty: name what is to be trained')
  return { only: only.length === 0 ? undefined : only, more: more ?? [], less: less ?? [] }
}

/** A tensor that patterns may name. */
export interface Choosable {
  readonly name: string
  readonly dtype: DType
  /** Why it cannot be trained: it holds -inf, or is a running statistic. */
  readonly unfit?: string
  /** The result of a Constant node: only its whole name chooses it. */
  readonly constant?: boolean
}

const fits = ({ dtype, unfit }: Choosable): boolean => dtype === 'float32' && unfit === undefined

/**
 * The names that patterns choose. A pattern with `*` leaves out what cannot be trained; a whole name that cannot be is refused.
 * @throws ActiveStorageError `invalid-argument` for a pattern that names nothing, or nothing that can be trained
 */
export const chosen = (patterns: readonly string[], all: readonly Choosable[]): ReadonlySet<string> => {
  const found = new Set<string>()
  const byName = new Map(all.map((each) => [each.name, each]))
  for (const pattern of patterns) {
    const whole = byName.get(pattern)
    const match = named([pattern])
    const matches = whole === undefined ? all.filter(({ name, constant = false }) => !constant && match(name)) : [whole]
    const fit = matches.filter(fits)
    const [other] = matches
    if (other === undefined) {
      const known = all.filter((each) => fits(each) && each.constant !== true).map(({ name }) => name)
      throw failure('invalid-argument', `trainable: no weight is named "${pattern}"; there are ${known.slice(0, 20).join(', ')}`)
    }
    if (fit.length === 0)
      throw failure('invalid-argument', `trainable: "${other.name}" ${other.dtype === 'float32' ? `cannot be trained: it ${other.unfit ?? ''}` : `is ${other.dtype}; only float32 is trained`}`) // prettier-ignore
    for (const { name } of fit) found.add(name)
  }
  return found
}

/** The names that patterns leave out. @throws ActiveStorageError `invalid-argument` for a pattern that names nothing */
export const leftOut = (patterns: readonly string[], all: readonly Choosable[]): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const pattern of patterns) {
    const matches = all.filter(({ name }) => named([pattern])(name))
    if (matches.length === 0) throw failure('invalid-argument', `trainable: no weight is named "${pattern}", so "!${pattern}" leaves out nothing`) // prettier-ignore
    for (const { name } of matches) found.add(name)
  }
  return found
}
