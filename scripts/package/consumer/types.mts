import {
  activeStorage,
  connect,
  createStorageNode,
  dataLoader,
  dataset,
  isActiveStorageError,
  model,
  type Client,
  type StorageNode,
  type Tensor,
} from 'active-storage'
import { counter, type Counter } from './counter.js'

const client: Client = await connect({ node: 'localhost:7070' })
const visits: Counter = client.object(counter, 'visits')
const total: number = await visits.add(1)
// @ts-expect-error -- a number is asked for
await visits.add('1')
const loader = dataLoader({ dataset: client.object(dataset, 'photos'), pipeline: [{ op: 'decode' }], batchSize: 8 })
for await (const { ids, data } of client.wrap(loader)) console.log(ids satisfies readonly string[], data)
const description = await client.object(model, 'faces').describe()
const outputs: Promise<unknown> = client.object(model, 'faces').forward(description, {} as Record<string, Tensor>)
const start: (options: { data: string }) => Promise<StorageNode> = createStorageNode
const failed = (error: unknown) => isActiveStorageError(error, 'overloaded') && error.details.retryAfterMs
export { activeStorage, failed, outputs, start, total }
await client.close()
