// One client with one strategy, in a process of its own, so that its memory is its own. Told by its parent which epoch to run.
import { createHash } from 'node:crypto'
import { connect, dataLoader, dataset, model, Tensor, type Batch, type BatchData } from '../../src/index.ts'
import { countFaces } from './faces.ts'
import { facePipeline, textPipeline } from './material.ts'

export interface EpochResult {
  readonly ms: number
  readonly items: number
  /** Hash over ids, labels and bytes of every batch, in order. */
  readonly hash: string
  readonly faces: readonly number[]
  readonly places: Readonly<Record<string, number>>
  readonly peakRssBytes: number
}
export type Order = { readonly kind: 'epoch'; readonly epoch: number } | { readonly kind: 'cold' } | { readonly kind: 'stop' }

/** Loader epochs in one measured epoch: ten photos alone are over too soon to be measured. */
const PASSES = 4

const [node = '', cloud = '', yaml = ''] = process.argv.slice(2)
const client = await connect({ node, cloud, policy: { yaml } })
const people = client.wrap(
  dataLoader({ dataset: client.object(dataset, 'people'), pipeline: facePipeline, model: client.object(model, 'faces'), batchSize: 1 }),
)
const mixed = client.wrap(
  dataLoader({
    dataset: client.object(dataset, 'mixed'),
    pipeline: textPipeline,
    model: client.object(model, 'text-direction'),
    batchSize: 2,
    shuffle: true,
    seed: 7,
  }),
)

const feed = (hash: ReturnType<typeof createHash>, batch: Batch<BatchData>) => {
  hash.update(`${batch.epoch}/${batch.index}/${batch.ids.join('|')}`)
  const named = batch.data instanceof Tensor ? { data: batch.data } : batch.data
  for (const [name, tensor] of Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} ${tensor.dtype} ${tensor.shape.join('x')}`)
    const data: unknown = tensor.data
    if (ArrayBuffer.isView(data)) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
}

const runEpoch = async (epoch: number): Promise<EpochResult> => {
  const hash = createHash('sha256')
  const faces: number[] = []
  const before = client.decisions().length
  let items = 0
  const began = performance.now()
  for (let pass = 0; pass < PASSES; pass++) {
    for await (const batch of people.epoch(epoch * PASSES + pass)) {
      feed(hash, batch)
      if (pass === 0) faces.push(...countFaces(batch.data))
      items += batch.ids.length
    }
    for await (const batch of mixed.epoch(epoch * PASSES + pass)) {
      feed(hash, batch)
      items += batch.ids.length
    }
  }
  const ms = performance.now() - began
  const places: Record<string, number> = {}
  for (const { ranOn } of client.decisions().slice(before)) {
    const place = [...new Set(ranOn)].join('+')
    places[place] = (places[place] ?? 0) + 1
  }
  // maxRSS is in KiB.
  return { ms, items, hash: hash.digest('hex'), faces, places, peakRssBytes: process.resourceUsage().maxRSS * 1024 }
}

const isOrder = (message: unknown): message is Order => typeof message === 'object' && message !== null && 'kind' in message
process.on('message', (message) => {
  if (!isOrder(message)) return
  const act = async (): Promise<EpochResult | undefined> => {
    if (message.kind === 'epoch') return runEpoch(message.epoch)
    if (message.kind === 'cold') await client.dropCaches()
    else await client.close()
    return undefined
  }
  act().then(
    (result) => {
      process.send?.({ result })
      if (message.kind === 'stop') process.disconnect()
    },
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  )
})
process.send?.({ ready: true })
