import type { BatchData } from '../core/batch.ts'
import { monotonicNow } from '../core/clock.ts'
import type { ContentRef } from '../core/content.ts'
import { failure, isActiveStorageError } from '../core/errors.ts'
import { type CallOptions, remoteOf } from '../core/remote.ts'
import { Tensor } from '../core/tensor.ts'
import { batchStages } from '../objects/loader/batch-stages.ts'
import type { LooseBatch, LooseStage } from '../objects/loader/loose-batch.ts'
import { filesOf, forwardKey } from '../objects/model/forward.ts'
import { contentOf, pipeline, preprocessKey, type RandomKey } from '../objects/pipeline/pipeline.ts'
import type { StageView } from '../policy/types.ts'
import type { LoadContext } from './load.ts'
import type { PlacedView } from './placer.ts'
import type { Site } from './site.ts'

const bytesOf = (data: LooseBatch['data']): number =>
  (data instanceof Tensor ? [data] : Object.values(data)).reduce((sum, { byteLength }) => sum + byteLength, 0)
const inputsOf = (refs: readonly ContentRef[]) => refs.map(({ hash, bytes, home }) => ({ hash, bytes, home }))

const viewOf = (stages: readonly LooseStage[], { ids, data }: LooseBatch): PlacedView => {
  const bytes = bytesOf(data)
  // What a later pipeline takes is not known beforehand: it is reckoned as if it took what the first one does.
  const stageOf = (stage: LooseStage): StageView =>
    'map' in stage
      ? { key: preprocessKey(stage.map), units: bytes, inputs: inputsOf(contentOf(stage.map)) }
      : { key: forwardKey(stage.forward), units: ids.length, inputs: inputsOf(filesOf(stage.forward)) }
  return { type: 'wrapped', method: 'batch', stages: stages.map(stageOf), argumentBytes: bytes + ids.length * 16 + 512 }
}

/** Puts batches that this process holds through stages: neighbouring stages at one site are one call. */
export interface Staging {
  run(stages: readonly LooseStage[], batch: LooseBatch, key: RandomKey, signal: AbortSignal): Promise<BatchData>
}

export const createStaging = ({ placer, at, timeoutMs }: LoadContext): Staging => {
  /** Sites whose node is of a version that runs one stage in a call. */
  const older = new Set<Site>()

  const oneByOne = async (site: Site, stages: readonly LooseStage[], batch: LooseBatch, key: RandomKey, given: CallOptions) => {
    const route = () => at(site)
    // Without reports: those of several calls are none of the one that was placed.
    const { onReport: _, ...options } = given
    const [maps, models] = [remoteOf(pipeline, 'main', route, options), remoteOf(batchStages, 'main', route, options)]
    let { data } = batch
    for (const stage of stages) {
      if ('forward' in stage) data = await models.forward(stage.forward, tensorsOf(data))
      else if (data instanceof Tensor) data = await maps.runRaw(stage.map, data, batch.ids, key)
      else data = await models.preprocess(stage.map, encodedOf(data).map((content, row) => ({ id: batch.ids[row] ?? '', content })), key) // prettier-ignore
    }
    return tensorsOf(data)
  }
  const together = async (site: Site, stages: readonly LooseStage[], batch: LooseBatch, key: RandomKey, options: CallOptions) => {
    if (older.has(site)) return oneByOne(site, stages, batch, key, options)
    try {
      return await remoteOf(batchStages, 'main', () => at(site), options).chain(stages, { ids: batch.ids, data: batch.data }, key)
    } catch (error) {
      if (!isActiveStorageError(error, 'unknown-method')) throw error
      older.add(site)
      return oneByOne(site, stages, batch, key, options)
    }
  }

  return {
    async run(stages, batch, key, signal) {
      // One limit for the batch, whatever is tried again and wherever its stages run.
      const deadline = monotonicNow() + timeoutMs
      const made = await placer.run(viewOf(stages, batch), { signal, deadline }, async (sites, onReport) => {
        let { data } = batch
        for (const { site, group } of groupsOf(sites, stages))
          data = await together(site, group, { ids: batch.ids, data }, key, { signal, onReport, deadline })
        return tensorsOf(data)
      })
      const last = stages.at(-1)
      if (last !== undefined && 'map' in last && !(made instanceof Tensor))
        throw failure('invalid-argument', `pipeline ops: they give ${Object.keys(made).join(', ')}, not one tensor: add .forward(model)`)
      return made
    },
  }
}

const groupsOf = (sites: readonly Site[], stages: readonly LooseStage[]) => {
  const groups: { readonly site: Site; readonly group: LooseStage[] }[] = []
  for (const [index, stage] of stages.entries()) {
    const site = sites[index]
    if (site === undefined) throw failure('internal', 'a stage without a place')
    const last = groups.at(-1)
    if (last?.site === site) last.group.push(stage)
    else groups.push({ site, group: [stage] })
  }
  return groups
}

const isEncoded = (data: LooseBatch['data']): data is readonly Uint8Array[] => Array.isArray(data)
const tensorsOf = (data: LooseBatch['data']): BatchData => {
  if (isEncoded(data)) throw failure('tensor-mismatch', 'a model takes a tensor: preprocess the images with .map(pipeline) first')
  return data
}
const encodedOf = (data: LooseBatch['data']): readonly Uint8Array[] => {
  if (isEncoded(data)) return data
  throw failure('tensor-mismatch', 'a pipeline takes encoded images or one tensor, not named outputs')
}
