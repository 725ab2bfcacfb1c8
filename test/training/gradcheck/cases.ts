import type { Kind } from './case.ts'
import { elementwise } from './cases/elementwise.ts'
import { indexing } from './cases/indexing.ts'
import { losses } from './cases/losses.ts'
import { matrices } from './cases/matrices.ts'
import { networks } from './cases/networks.ts'
import { normalizations } from './cases/normalizations.ts'
import { recurrent } from './cases/recurrent.ts'
import { reductions } from './cases/reductions.ts'
import { shapes } from './cases/shapes.ts'
import { convolutions } from './cases/windows.ts'

/** By the file of test/training/gradcheck/cases that draws them. */
export const families: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  elementwise,
  reductions,
  shapes,
  indexing,
  matrices,
  windows: convolutions,
  normalizations,
  losses,
  recurrent,
}

/** Cases of every operator that has a gradient, on random shapes, attributes and broadcasts. */
export const cases: Readonly<Record<string, Kind>> = Object.assign({}, ...Object.values(families))

/** All that is drawn: the operators, and graphs of several. */
export const kinds: Readonly<Record<string, Kind>> = { ...cases, ...networks }
