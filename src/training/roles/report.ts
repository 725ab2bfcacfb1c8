import type { Role, RoleKind } from './kinds.ts'
import type { Decision } from './signs.ts'

/** A tensor in a report. */
export interface RoleLine {
  readonly name: string
  readonly shape: readonly number[]
  /** The sign by which it was decided. */
  readonly why: string
}
/** Tensors of one kind. */
export interface RoleGroup {
  readonly tensors: number
  /** Of all these tensors together. */
  readonly elements: number
  /** The first ones, in the order of the file. */
  readonly first: readonly RoleLine[]
}
/** What is trained of a model, and what is not: the answer of a trainer's `put`. */
export interface RoleReport {
  readonly trained: RoleGroup
  /** Parameters that stay as they are. */
  readonly frozen: RoleGroup
  /** Not learned, but kept with the model: running statistics (which move with the batches where their norm is trained), masks, tables. */
  readonly buffers: RoleGroup
  readonly constants: RoleGroup
  /** Rows of embedding tables that look-ups give no gradient, by table. */
  readonly paddingRows: Readonly<Record<string, number>>
  /** What may be another training than that of the user's model. */
  readonly warnings: readonly string[]
  /** What the file cannot say, and no sign in it tells. */
  readonly notes: readonly string[]
}

/** Tensors of each kind that a report shows, and warnings. */
export const SHOWN = 50

const groupOf = (roles: readonly Role[], wanted: RoleKind, shown: number): RoleGroup => {
  const own = roles.filter(({ kind }) => kind === wanted)
  const elements = own.reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0)
  return { tensors: own.length, elements, first: own.slice(0, shown).map(({ name, shape, why }) => ({ name, shape: [...shape], why })) }
}

/** A decision in bounded size. @param shown tensors of each kind, default 50 */
export const reportOf = ({ roles, padding, warnings, notes }: Omit<Decision, 'trainable' | 'modes'>, shown = SHOWN): RoleReport => ({
  trained: groupOf(roles, 'trained', shown),
  frozen: groupOf(roles, 'frozen', shown),
  buffers: groupOf(roles, 'buffer', shown),
  constants: groupOf(roles, 'constant', shown),
  paddingRows: Object.fromEntries([...padding].slice(0, SHOWN)),
  warnings: [...warnings.slice(0, SHOWN), ...(warnings.length > SHOWN ? [`and ${warnings.length - SHOWN} warnings more`] : [])],
  notes,
})
