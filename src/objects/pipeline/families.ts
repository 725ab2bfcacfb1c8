import type { Op, PipelineSpec } from './ops.ts'

/** What samples are, and so which ops there are for them. */
export const families = {
  images: { first: 'decode', ops: ['decode', 'tensor', 'resize', 'center-crop', 'random-crop', 'flip', 'normalize', 'layout', 'dtype'] },
  values: { first: 'tensor', ops: ['tensor', 'window', 'standardize', 'pad', 'dtype'] },
  text: { first: 'tokenize', ops: ['tokenize', 'pad', 'dtype'] },
  graph: { first: 'neighbours', ops: ['neighbours'] },
} as const satisfies Record<string, { readonly first: Op['op']; readonly ops: readonly Op['op'][] }>
export type Family = keyof typeof families

const ofPixels: ReadonlySet<string> = new Set(['resize', 'center-crop', 'random-crop', 'flip', 'normalize', 'layout'])

/** The first op says it; numbers are images where an op for those follows. */
export const familyOf = ({ ops }: PipelineSpec): Family => {
  const names = ops.map(({ op }) => op)
  if (names.some((name) => ofPixels.has(name))) return 'images'
  const family = (['text', 'graph'] as const).find((each) => names.includes(families[each].first))
  if (family !== undefined) return family
  return names.some((name) => name === 'tensor' || name === 'window' || name === 'standardize' || name === 'pad') ? 'values' : 'images'
}
