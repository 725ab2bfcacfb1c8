import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { Client, credentials } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** The standard health service of a node, as any client of grpc.health.v1 sees it. */
export const healthOf = (t: TestContext, address: string) => {
  const folder = dirname(createRequire(import.meta.url).resolve('grpc-health-check/package.json'))
  const service = loadSync(join(folder, 'proto/health/v1/health.proto'), { enums: String })['grpc.health.v1.Health']
  assert.ok(service !== undefined && 'Check' in service && 'Watch' in service)
  const { Check, Watch } = service as Extract<typeof service, Record<string, { requestSerialize: unknown }>>
  assert.ok(Check !== undefined && Watch !== undefined)
  const client = new Client(address, credentials.createInsecure())
  t.after(() => client.close())
  return {
    check: (name: string) =>
      new Promise<unknown>((resolve, reject) => {
        client.makeUnaryRequest(Check.path, Check.requestSerialize, Check.responseDeserialize, { service: name }, (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        )
      }),
    /** The states of a service, from now on. */
    watch(name: string) {
      const watched = client.makeServerStreamRequest(Watch.path, Watch.requestSerialize, Watch.responseDeserialize, { service: name })
      watched.on('error', () => undefined)
      const states = watched[Symbol.asyncIterator]()
      return { next: async () => (await states.next()).value as unknown, cancel: () => watched.cancel() }
    },
  }
}
