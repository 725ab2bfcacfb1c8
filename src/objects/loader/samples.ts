import type { Remote } from '../../core/remote.ts'
import type { dataset as datasetType, Sample, SampleRange } from '../dataset/dataset.ts'
import type { Op } from '../pipeline/spec.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'

const PAGE = 1000

/** All samples of a data set, or of a part of it, as a pipeline takes them: windows where it cuts time series into them. */
export const samplesOf = async (
  remote: Pick<Remote<typeof datasetType>, 'list'>,
  spec: PipelineSpec,
  split: SampleRange['split'],
): Promise<readonly Sample[]> => {
  const window = spec.ops.find((op) => op.op === 'window')
  const range = { ...(split !== undefined && { split }), ...(window !== undefined && { window: ruleOf(window) }) }
  const all: Sample[] = []
  for (;;) {
    const last = all.at(-1)
    const page = await remote.list({ ...range, ...(last !== undefined && { after: last.id }) })
    all.push(...page)
    if (page.length < PAGE) return all
  }
}

const ruleOf = ({ length, stride, label }: Extract<Op, { op: 'window' }>) => ({
  length,
  ...(stride !== undefined && { stride }),
  ...(label !== undefined && { label }),
})
