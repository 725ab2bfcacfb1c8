import type { Remote } from '../../core/remote.ts'
import type { dataset as datasetType, Sample, SampleRange } from '../dataset/dataset.ts'
import type { Op } from '../pipeline/spec.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'

const PAGE = 1000

/** The samples of a split as a pipeline takes them: windows where it cuts time series into them. */
export const rangeOf = (spec: PipelineSpec, split: SampleRange['split']): Pick<SampleRange, 'split' | 'window'> => {
  const window = spec.ops.find((op) => op.op === 'window')
  return { ...(split !== undefined && { split }), ...(window !== undefined && { window: ruleOf(window) }) }
}

/** All samples of a data set, or of a part of it, or the first `most` of them. */
export const samplesOf = async (
  remote: Pick<Remote<typeof datasetType>, 'list'>,
  spec: PipelineSpec,
  split: SampleRange['split'],
  most = Number.POSITIVE_INFINITY,
): Promise<readonly Sample[]> => {
  const range = rangeOf(spec, split)
  const all: Sample[] = []
  for (;;) {
    const last = all.at(-1)
    const limit = Math.min(PAGE, most - all.length)
    const page = await remote.list({ ...range, limit, ...(last !== undefined && { after: last.id }) })
    all.push(...page)
    if (page.length < PAGE || all.length >= most) return all
  }
}

const ruleOf = ({ length, stride, label }: Extract<Op, { op: 'window' }>) => ({
  length,
  ...(stride !== undefined && { stride }),
  ...(label !== undefined && { label }),
})
