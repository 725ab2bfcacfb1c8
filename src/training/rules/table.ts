import { activations } from './activations.ts'
import { arithmetic } from './arithmetic.ts'
import { convolutions } from './convolutions.ts'
import { einsums } from './einsum.ts'
import { indexing } from './indexing.ts'
import { losses } from './losses.ts'
import { matrices } from './matrices.ts'
import { normalizations } from './normalizations.ts'
import { pools } from './pools.ts'
import { recurrent } from './recurrent.ts'
import { reductions } from './reductions.ts'
import type { Rules } from './rule.ts'
import { shapes } from './shapes.ts'

/** The gradient of each operator that has one. */
export const rules: Rules = {
  ...arithmetic,
  ...activations,
  ...reductions,
  ...shapes,
  ...indexing,
  ...matrices,
  ...einsums,
  ...convolutions,
  ...pools,
  ...normalizations,
  ...recurrent,
  ...losses,
}

/** Operators whose result does not move with their inputs, or in jumps alone: no gradient flows through them. */
export const flat: ReadonlySet<string> = new Set([
  'And', 'ArgMax', 'ArgMin', 'BitShift', 'Ceil', 'Constant', 'ConstantOfShape', 'Equal', 'EyeLike', 'Floor', 'Greater', 'GreaterOrEqual',
  'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'NonZero', 'Not', 'OneHot', 'Or', 'Range', 'Round', 'Shape', 'Sign', 'Size', 'Xor',
]) // prettier-ignore
